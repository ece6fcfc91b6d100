using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Engine;

namespace Firewall.Tests.Simulation;

/// <summary>The engine in the middle, with the invariants that hold for every packet whoever sent it.</summary>
internal sealed class SimulatedFirewall : IDisposable
{
    public const int MaxFlows = 64;

    private readonly SimulatedTime _time;
    private readonly FlowTable _flows;
    private readonly FirewallEngine _engine;
    private readonly Policy _policy;
    private readonly long _size;
    private readonly HashSet<FlowKey> _opened = [];

    private readonly PlantedFault _fault;

    /// <summary>Makes the firewall, with a mistake in it if the simulation is to be tested.</summary>
    public SimulatedFirewall(SimulatedTime time, PlantedFault fault = PlantedFault.None)
    {
        _fault = fault;
        _time = time;
        _flows = new FlowTable(new FlowLimits { MaxFlows = MaxFlows, MaxFlowsPerSource = 0 });
        _engine = new FirewallEngine(_flows, new FragmentTable(16), new EngineOptions());
        _policy = PolicyCompiler.Compile(
            NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowSsh), "ssh.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;
        _size = _flows.SizeInBytes;
    }

    /// <summary>Packets judged.</summary>
    public long Packets { get; private set; }

    /// <summary>Judges a packet, and the judgment: an exception names the invariant that was broken.</summary>
    public Verdict Inspect(byte[] packet, out PacketInfo info, out FlowSnapshot before)
    {
        _engine.Maintain(_time.Now, 1_000);
        PacketParser.Parse(packet, packet.Length, out info);
        FlowKey key = FlowKey.Of(info, out bool fromHigh);
        before = FlowSnapshot.Of(_flows, key, fromHigh, _time.Now);
        Verdict verdict = _engine.Inspect(packet, packet.Length, _policy, _time.Now, out info);
        verdict = _fault.Spoil(verdict, _flows, info, key, _time.Now);
        Packets++;
        if (verdict.IsAllowed)
        {
            bool byRule = verdict.Reason == VerdictReason.Rule;
            TcpFlags opening = info.TcpFlags & (TcpFlags.Syn | TcpFlags.Ack);
            bool restarts = opening == (TcpFlags.Syn | TcpFlags.Ack) && before.State >= TcpState.SynReceived;
            if (byRule && opening != TcpFlags.Syn && !restarts) throw new InvariantException("a rule let in what is no SYN");
            IpAddress opener = restarts ? info.Destination : info.Source;
            int service = restarts ? info.SourcePort : info.DestinationPort;
            if (byRule && service != 22 && opener.ToString().StartsWith("203.", StringComparison.Ordinal)) throw new InvariantException("a rule let in what no rule allows");
            if (byRule) _opened.Add(key);
            else if (!_opened.Contains(key)) throw new InvariantException("a packet passed without a rule or a flow");
        }

        if (_engine.Counters.AllowedPackets + _engine.Counters.DeniedPackets != Packets) throw new InvariantException("not one verdict for each packet");
        if (_flows.Count > MaxFlows || _flows.SizeInBytes != _size) throw new InvariantException($"{_flows.Count} flows in {_flows.SizeInBytes} bytes: the bound is broken");
        return verdict;
    }

    public void Dispose() => _flows.Dispose();
}

/// <summary>An invariant does not hold.</summary>
internal sealed class InvariantException(string message) : Exception(message);
