using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

public sealed class FragmentTableTests
{
    private readonly FragmentTable _table = new(64);

    [Fact]
    public void A_later_fragment_finds_its_datagrams_verdict()
    {
        _table.Remember(Fragment(1), isAllowed: true, rule: 7, now: 0);
        Assert.True(_table.TryFind(Fragment(1), 29_999, out bool isAllowed, out int rule));
        Assert.True(isAllowed);
        Assert.Equal(7, rule);
        Assert.False(_table.TryFind(Fragment(2), 0, out _, out _));
    }

    [Fact]
    public void A_verdict_is_forgotten_after_the_reassembly_time()
    {
        _table.Remember(Fragment(1), isAllowed: true, rule: 7, now: 0);
        Assert.False(_table.TryFind(Fragment(1), 30_000, out _, out _));
    }

    [Fact]
    public void A_second_first_fragment_cannot_open_a_denied_datagram()
    {
        _table.Remember(Fragment(1), isAllowed: false, rule: 1, now: 0);
        _table.Remember(Fragment(1), isAllowed: true, rule: 2, now: 1);
        Assert.True(_table.TryFind(Fragment(1), 2, out bool isAllowed, out _));
        Assert.False(isAllowed);
    }

    [Fact]
    public void A_second_first_fragment_after_the_reassembly_time_is_a_new_datagram()
    {
        _table.Remember(Fragment(1), isAllowed: false, rule: 1, now: 0);
        _table.Remember(Fragment(1), isAllowed: true, rule: 2, now: 40_000);
        Assert.True(_table.TryFind(Fragment(1), 40_001, out bool isAllowed, out _));
        Assert.True(isAllowed);
    }

    [Fact]
    public void A_flood_of_datagrams_takes_the_place_of_the_oldest_only()
    {
        for (uint id = 0; id < 10_000; id++) _table.Remember(Fragment(id), isAllowed: true, rule: 1, now: id);
        Assert.True(_table.TryFind(Fragment(9_999), 10_000, out _, out _));
        Assert.False(_table.TryFind(Fragment(0), 10_000, out _, out _));
    }

    private static PacketInfo Fragment(uint id) => new()
    {
        Source = IpAddress.FromIPv4(0x0A000001),
        Destination = IpAddress.FromIPv4(0x0A000002),
        Protocol = IpProtocol.Udp,
        FragmentId = id,
        IsFragment = true,
    };
}
