using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.SystemTests.Appliance;
using Firewall.Tests.Simulation;
using Xunit;

namespace Firewall.SystemTests.Conntrack;

/// <summary>Our engine with the rules of <see cref="KernelConntrack"/>, and a clock that moves a millisecond a packet.</summary>
internal sealed class OurConntrack : IDisposable
{
    private readonly FlowTable _flows = new(100_000);
    private readonly FirewallEngine _engine;
    private readonly Policy _policy;
    private long _now = 1_000_000;
    private bool _isBehindAnother;
    private bool _isOnPickedUp;
    private uint _synEnd;

    public OurConntrack(EngineOptions? options = null)
    {
        _engine = new FirewallEngine(_flows, new FragmentTable(), options ?? new EngineOptions());
        string rules = Nsg.Group(
            Nsg.AllowSsh, Nsg.Rule("allow-web", 110, "Tcp", "80"), Nsg.Rule("allow-dns", 120, "Udp", "53"), Nsg.Rule("allow-ping", 130, "Icmp", "*"));
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(rules), "rules.json");
        Assert.False(file.HasErrors, string.Join('\n', file.Findings));
        _policy = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;
    }

    /// <summary>Judges a packet, given from its IP header on.</summary>
    public Step Judge(byte[] packet)
    {
        _now++;
        _engine.Maintain(_now, 1_000);
        PacketParser.Parse(packet, packet.Length, out PacketInfo info);
        PacketInfo about = info.IsIcmpError && EmbeddedPacket.TryRead(packet, info, out PacketInfo embedded) ? embedded : info;
        FlowKey key = FlowKey.Of(about, out bool fromHigh);
        FlowSnapshot before = FlowSnapshot.Of(_flows, key, fromHigh, _now);
        Verdict verdict = _engine.Inspect(packet, packet.Length, _policy, _now, out info);
        bool isSegment = info.Protocol == IpProtocol.Tcp; // an ICMP error in between has no flow of its own, and tells nothing of this one
        if (isSegment && before.State == TcpState.None) _isOnPickedUp = false;
        var step = new Step(info, verdict, before, FlowSnapshot.Of(_flows, key, fromHigh, _now), _isBehindAnother, _isOnPickedUp, _synEnd);
        _isOnPickedUp |= (before.Flags & FlowFlags.Liberal) != 0 && step.After.State == TcpState.SynReceived;
        bool isSyn = (info.TcpFlags & (TcpFlags.Syn | TcpFlags.Ack)) == TcpFlags.Syn;
        if (isSyn && verdict.IsAllowed)
        {
            _isBehindAnother = false;
            _synEnd = info.Sequence + (uint)info.PayloadLength + 1;
        }
        else if (isSegment && (!verdict.IsAllowed || (info.TcpFlags & TcpFlags.Syn) != 0))
        {
            _isBehindAnother = true;
        }

        return step;
    }

    public void Dispose() => _flows.Dispose();
}
