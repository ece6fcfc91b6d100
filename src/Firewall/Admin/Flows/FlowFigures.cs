using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.Admin.Flows;

/// <summary>What a walk over the flow table found. Immutable once it is finished.</summary>
internal sealed class FlowFigures
{
    private static readonly string[] s_protocols = ["Tcp", "Udp", "Icmp", "Icmpv6", "Other"];
    private static readonly int s_states = Enum.GetValues<TcpState>().Length;

    private readonly long[] _flows = new long[s_protocols.Length * s_states];
    private long[] _packets;
    private long[] _bytes;

    /// <summary>Begins with what has been counted of flows that are in the table no more.</summary>
    /// <param name="table">The flows.</param>
    /// <param name="rules">One more than the largest number of a rule.</param>
    public FlowFigures(FlowTable table, int rules)
    {
        _packets = new long[rules];
        _bytes = new long[rules];
        for (int rule = 0; rule < rules; rule++) (_packets[rule], _bytes[rule]) = table.EndedTrafficOf(rule);
    }

    /// <summary>Packets of the flows that a rule allowed, of those in the table and of those that are gone.</summary>
    public long PacketsOf(int rule) => rule < _packets.Length ? _packets[rule] : 0;

    /// <summary>Their bytes, IP headers included.</summary>
    public long BytesOf(int rule) => rule < _bytes.Length ? _bytes[rule] : 0;

    /// <summary>How many flows there are of each protocol in each state that it has, also where there are none.</summary>
    public IEnumerable<(string Protocol, string State, long Flows)> States()
    {
        for (int protocol = 0; protocol < s_protocols.Length; protocol++)
        {
            string[] names = protocol == 0 ? Enum.GetNames<TcpState>() : ["None", nameof(DatagramState.Unreplied), nameof(DatagramState.Replied)];
            for (int state = 1; state < names.Length; state++) yield return (s_protocols[protocol], names[state], _flows[(protocol * s_states) + state]);
        }
    }

    /// <summary>Adds a flow.</summary>
    public void Add(in FlowRecord flow)
    {
        _flows[(ProtocolOf(flow.Protocol) * s_states) + flow.State]++;
        if (flow.Rule >= _packets.Length)
        {
            // Of a policy that came into force meanwhile.
            Array.Resize(ref _packets, flow.Rule + 1);
            Array.Resize(ref _bytes, flow.Rule + 1);
        }

        _packets[flow.Rule] += flow.Packets;
        _bytes[flow.Rule] += flow.Bytes;
    }

    /// <summary>
    /// Makes no sum smaller than it was: a flow that ended in the midst of the walk may be in none of the two parts, and whoever reads
    /// counters takes a smaller one for a new beginning.
    /// </summary>
    public void NoLessThan(FlowFigures before)
    {
        for (int rule = 0; rule < _packets.Length; rule++)
        {
            _packets[rule] = Math.Max(_packets[rule], before.PacketsOf(rule));
            _bytes[rule] = Math.Max(_bytes[rule], before.BytesOf(rule));
        }
    }

    private static int ProtocolOf(byte protocol) => protocol switch
    {
        IpProtocol.Tcp => 0,
        IpProtocol.Udp => 1,
        IpProtocol.Icmp => 2,
        IpProtocol.Icmpv6 => 3,
        _ => 4,
    };
}
