using System.Text;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Devices.Memory;
using Firewall.Tests.Engine;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Dataplane;

/// <summary>Fragments that waited, on their way out through a worker's batch.</summary>
public sealed class HeldFragmentTests : IDisposable
{
    private static readonly Policy Rules = PolicyCompiler.Compile(
        NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowDns), "rules.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;

    private readonly FlowTable _flows = new(1000);
    private readonly MemoryDevice _device = new(headerLength: 2);
    private readonly PacketWorker _worker;

    public HeldFragmentTests() =>
        _worker = new PacketWorker(_device[0], new FirewallEngine(_flows, new FragmentTable(), new EngineOptions())) { Reject = true };

    public void Dispose()
    {
        _device.Dispose();
        _flows.Dispose();
    }

    [Fact]
    public void They_go_out_right_behind_the_first_one_and_before_what_came_after_it()
    {
        byte[] before = PacketBuilder.Udp("203.0.113.9:1", "10.0.0.4:53", 5);
        byte[] after = PacketBuilder.Udp("203.0.113.5:4000", "10.0.0.4:53", 6);
        byte[][] parts = PacketBuilder.Fragments(PacketBuilder.Udp("203.0.113.5:4000", "10.0.0.4:53", 2000), 800, 7);
        Inject(1, parts[2]);
        Turn();
        Assert.Empty(_device[0].TakeWritten());
        Inject(2, before);
        Inject(3, parts[1]);
        Inject(4, parts[0]);
        Inject(5, after);
        Turn();
        Assert.Equal(
            new[] { Frame(2, before), Frame(4, parts[0]), Frame(1, parts[2]), Frame(3, parts[1]), Frame(5, after) }, _device[0].TakeWritten());
    }

    [Fact]
    public void A_held_or_timed_out_fragment_is_not_answered()
    {
        byte[][] parts = PacketBuilder.Fragments(PacketBuilder.Udp("203.0.113.5:4000", "10.0.0.4:54", 2000), 1480, 7);
        Inject(1, parts[1]);
        Turn();
        Turn(now: 6_000);
        Assert.Empty(_device[0].TakeWritten());
        Assert.Equal(1, _worker.Engine.Counters.Denied(VerdictReason.FragmentTimeout));
    }

    [Fact]
    public void All_that_the_table_can_hold_fits_into_one_batch()
    {
        // Twenty waiting frames of 50 KB fill the table. Their first ones come in one batch with six more that wait and go in it.
        for (int i = 1; i <= 20; i++) Inject(1, Rest($"203.0.113.{i}"));
        while (_worker.Engine.Counters.HeldFragments < 20) Turn();
        for (int i = 1; i <= 20; i++) Inject(2, First($"203.0.113.{i}"));
        for (int i = 1; i <= 6; i++)
        {
            Inject(3, Rest($"198.51.100.{i}"));
            Inject(4, First($"198.51.100.{i}"));
        }

        Turn();
        Assert.Equal(2 * 26, _device[0].TakeWritten().Count);
        Assert.Equal(2 * 26, _worker.Engine.Counters.AllowedPackets);
    }

    private static byte[] First(string source) =>
        PacketBuilder.Fragment(PacketBuilder.Udp($"{source}:4000", "10.0.0.4:53", 51_992), 0, 2000, more: true, 7);

    private static byte[] Rest(string source) =>
        PacketBuilder.Fragment(PacketBuilder.Udp($"{source}:4000", "10.0.0.4:53", 51_992), 2000, 50_000, more: false, 7);

    private static byte[] Frame(byte number, byte[] packet) => [number, 0xEE, .. packet];

    private void Inject(byte number, byte[] packet) => _device[0].InjectFrame(Frame(number, packet));

    private void Turn(long now = 0)
    {
        Assert.True(_worker.Receive(0));
        _worker.Process(Rules, now);
    }
}
