using System.CommandLine;

namespace Firewall.Commands.Running;

/// <summary>The options that choose flows. The appliance itself reads the values: it knows the rules, and says what is wrong.</summary>
internal sealed class FlowFilterOptions
{
    private readonly (Option<string?> Option, string Key)[] _options =
    [
        (Make("--address", "PREFIX", "Either end has this address, or one of this prefix"), "address"),
        (Make("--source", "PREFIX", "The end that opened the flow"), "source"),
        (Make("--destination", "PREFIX", "The end that it was opened to"), "destination"),
        (Make("--port", "PORT", "Either end's port"), "port"),
        (Make("--source-port", "PORT", "The port of the end that opened it"), "sourcePort"),
        (Make("--destination-port", "PORT", "The port that it was opened to"), "destinationPort"),
        (Make("--protocol", "NAME", "Tcp, Udp, Icmp, Icmpv6, Esp, Ah or a number"), "protocol"),
        (Make("--state", "STATE", "SynSent, SynReceived, Established, FinWait, CloseWait, LastAck, TimeWait, Close; Unreplied, Replied"), "state"),
        (Make("--rule", "NAME", "The rule that allowed it"), "rule"),
    ];

    /// <summary>Adds the options.</summary>
    public void AddTo(Command command)
    {
        foreach ((Option<string?> option, _) in _options) command.Options.Add(option);
    }

    /// <summary>The query for the appliance, with more words behind.</summary>
    public string Query(ParseResult parsed, params IEnumerable<string> more)
    {
        IEnumerable<string> words = _options
            .Select(o => (o.Key, Value: parsed.GetValue(o.Option)))
            .Where(o => o.Value is not null)
            .Select(o => $"{o.Key}={Uri.EscapeDataString(o.Value!)}")
            .Concat(more);
        string query = string.Join('&', words);
        return query.Length == 0 ? "" : "?" + query;
    }

    private static Option<string?> Make(string name, string helpName, string description) => new(name) { Description = description, HelpName = helpName };
}
