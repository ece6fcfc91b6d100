using Firewall.Core.Flows;
using Firewall.Core.Flows.Fragments;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>What other workers may do to a datagram while one worker judges its first fragment.</summary>
public sealed class FragmentJudgingTests
{
    private readonly FragmentTable _table = new();
    private SettledFragments _first;
    private SettledFragments _other;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_later_fragment_waits_until_the_first_one_is_decided(bool isAllowed)
    {
        Assert.Equal(FragmentFate.Judge, Add(0, 64, ref _first, out long serial));
        Assert.Equal(FragmentFate.Held, Add(64, 128, ref _other, out _));
        Assert.Equal(FragmentFate.Held, Add(0, 64, ref _other, out _));
        FragmentFate fate = isAllowed ? FragmentFate.Allowed : FragmentFate.Denied;
        Assert.Equal(fate, _table.Decide(Packet(0), serial, isAllowed, rule: 3, ref _first));
        Assert.Equal(0, _other.First);
        Assert.Equal(fate, _table.Settled(_first.First).Fate);
        Assert.Equal(3, _table.Settled(_first.First).Rule);
        Assert.Equal(64, _table.Settled(_first.First).Packet.FragmentOffset);
        Assert.Equal(fate, _table.Settled(_first.Last).Fate);
        Assert.Equal(0, _table.Settled(_first.Last).Packet.FragmentOffset);
        Assert.Equal(fate, Add(128, 192, ref _other, out _));
    }

    [Fact]
    public void A_first_fragment_whose_datagram_was_poisoned_meanwhile_does_not_pass()
    {
        Assert.Equal(FragmentFate.Judge, Add(0, 64, ref _first, out long serial));
        Assert.Equal(FragmentFate.Held, Add(64, 128, ref _other, out _));
        Assert.Equal(FragmentFate.Overlap, Add(56, 128, ref _other, out _));
        Assert.Equal(FragmentFate.Overlap, _table.Settled(_other.First).Fate);
        Assert.Equal(FragmentFate.Overlap, _table.Decide(Packet(0), serial, isAllowed: true, rule: 3, ref _first));
        Assert.Equal(0, _first.First);
        Assert.Equal(FragmentFate.Overlap, Add(128, 192, ref _other, out _));
    }

    [Fact]
    public void A_verdict_that_comes_too_late_decides_nothing_about_the_next_datagram()
    {
        Assert.Equal(FragmentFate.Judge, Add(0, 64, ref _first, out long late));
        Assert.Equal(FragmentFate.Judge, Add(0, 64, ref _other, out long serial, now: FragmentLimits.LifetimeMilliseconds));
        Assert.Equal(FragmentFate.Allowed, _table.Decide(Packet(0), late, isAllowed: true, rule: 3, ref _first));
        Assert.Equal(FragmentFate.Held, Add(64, 128, ref _first, out _, now: FragmentLimits.LifetimeMilliseconds));
        Assert.Equal(FragmentFate.Denied, _table.Decide(Packet(0), serial, isAllowed: false, rule: 4, ref _other));
        Assert.Equal(FragmentFate.Denied, _table.Settled(_other.First).Fate);
    }

    [Fact]
    public void The_digest_depends_on_every_byte_and_on_the_key()
    {
        var digest = new FragmentDigest();
        byte[] data = new byte[1483];
        Random.Shared.NextBytes(data);
        ulong before = digest.Of(data);
        Assert.NotEqual(before, new FragmentDigest().Of(data));
        for (int i = 0; i < data.Length; i++)
        {
            data[i] ^= 0x40;
            Assert.NotEqual(before, digest.Of(data));
            data[i] ^= 0x40;
        }

        Assert.Equal(before, digest.Of(data));
        Assert.NotEqual(before, digest.Of(data.AsSpan(0, 1482)));
    }

    private static PacketInfo Packet(ushort offset) => new()
    {
        Source = IpAddress.FromIPv4(0x0A000001),
        Destination = IpAddress.FromIPv4(0x0A000002),
        Protocol = IpProtocol.Udp,
        FragmentId = 7,
        FragmentOffset = offset,
        IsFragment = true,
        MoreFragments = true,
    };

    private FragmentFate Add(ushort start, ushort end, ref SettledFragments settled, out long serial, long now = 0) =>
        _table.Add(
            Packet(start), new FragmentPiece(start, end, false, 1), new FragmentArrival(new byte[100], 100, 0, 0), now, ref settled, out serial, out _);
}
