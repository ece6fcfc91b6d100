using Firewall.Control;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Admin.Flows;

/// <summary>Which flows are meant: those that fit every condition that is given.</summary>
internal sealed record FlowFilter
{
    /// <summary>The keys of the query, in the order of the help.</summary>
    public static readonly IReadOnlyList<string> Keys =
        ["address", "source", "destination", "port", "sourcePort", "destinationPort", "protocol", "state", "rule"];

    private static readonly IReadOnlyList<string> s_states =
        [.. Enum.GetNames<TcpState>().Where(n => n != nameof(TcpState.None)), .. Enum.GetNames<DatagramState>()];

    private IpPrefix? Address { get; init; }

    private IpPrefix? Source { get; init; }

    private IpPrefix? Destination { get; init; }

    private int? Port { get; init; }

    private int? SourcePort { get; init; }

    private int? DestinationPort { get; init; }

    private byte? Protocol { get; init; }

    private string? State { get; init; }

    private HashSet<int>? Rules { get; init; }

    /// <summary>True if every flow fits.</summary>
    public bool IsEmpty => this == new FlowFilter();

    /// <summary>Reads the conditions; what is wrong goes to the query.</summary>
    public static FlowFilter Read(RequestQuery query, RuleCatalog catalog) => new()
    {
        Address = query.Prefix("address"),
        Source = query.Prefix("source"),
        Destination = query.Prefix("destination"),
        Port = (int?)query.Number("port", 0, ushort.MaxValue),
        SourcePort = (int?)query.Number("sourcePort", 0, ushort.MaxValue),
        DestinationPort = (int?)query.Number("destinationPort", 0, ushort.MaxValue),
        Protocol = ReadProtocol(query),
        State = ReadState(query),
        Rules = ReadRules(query, catalog),
    };

    /// <summary>True if the flow fits.</summary>
    public bool Matches(in FlowRecord flow)
    {
        if (Protocol is { } protocol && flow.Protocol != protocol) return false;
        if (Rules is not null && !Rules.Contains(flow.Rule)) return false;
        if (State is not null && State != FlowView.StateOf(flow)) return false;
        var view = new FlowView(flow);
        if (Address is { } address && !address.Contains(flow.Low) && !address.Contains(flow.High)) return false;
        if (Source is { } source && !source.Contains(view.Source)) return false;
        if (Destination is { } destination && !destination.Contains(view.Destination)) return false;
        if (Port is null && SourcePort is null && DestinationPort is null) return true;
        if (!IpProtocol.HasPorts(flow.Protocol)) return false;
        return (Port is not { } port || view.SourcePort == port || view.DestinationPort == port)
            && (SourcePort is not { } sourcePort || view.SourcePort == sourcePort)
            && (DestinationPort is not { } destinationPort || view.DestinationPort == destinationPort);
    }

    private static byte? ReadProtocol(RequestQuery query)
    {
        if (query.Text("protocol") is not { } text) return null;
        if (RuleProtocol.TryParse(text, out RuleProtocol protocol) && !protocol.IsAny) return protocol.Number;
        query.Refuse("protocol", "Tcp, Udp, Icmp, Icmpv6, Esp, Ah or a number from 0 to 255");
        return null;
    }

    private static string? ReadState(RequestQuery query)
    {
        if (query.Text("state") is not { } text) return null;
        string? known = s_states.FirstOrDefault(s => s.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (known is null) query.Refuse("state", $"one of {string.Join(", ", s_states)}{NearestWord.Suggestion(text, s_states)}");
        return known;
    }

    private static HashSet<int>? ReadRules(RequestQuery query, RuleCatalog catalog)
    {
        if (query.Text("rule") is not { } text) return null;
        HashSet<int> numbers = [];
        List<string> names = [];
        for (int number = 1; number < catalog.Count; number++)
        {
            if (catalog[number] is not { } rule) continue;
            names.Add(rule.Name);
            if (Is(rule.Name) || Is(rule.FlowLogName) || Is(rule.ResourceName)) numbers.Add(number);
        }

        if (numbers.Count == 0) query.Refuse("rule", $"the name of a rule that is or was in force{NearestWord.Suggestion(text, names)}");
        return numbers;

        bool Is(string name) => name.Equals(text, StringComparison.OrdinalIgnoreCase);
    }
}
