using System.CommandLine;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Commands;

/// <summary><c>firewall verify</c>: would a flow be allowed, and by which rule? Azure's IP flow verify, offline.</summary>
internal static class VerifyCommand
{
    public static Command Create(CommandStreams streams)
    {
        Option<string> rules = Options.Rules();
        Option<RuleDirection> direction = Options.Choice<RuleDirection>(
            "--direction", "Inbound: opened by the remote end. Outbound: by the local one", "Inbound|Outbound", required: true);
        Option<byte> protocol = Protocol();
        Option<EndpointText> local = Endpoint("--local", "The protected end; without a port, or with *: any port");
        Option<EndpointText> remote = Endpoint("--remote", "The other end");
        Option<IpPrefix[]> network = Options.VirtualNetwork();
        Option<string?> serviceTags = Options.ServiceTags();
        Option<bool> explain = new("--explain") { Description = "Show every rule that was looked at, and what of it matched" };
        Option<OutputFormat> format = Options.Format();
        var command = new Command("verify", "Ask the rules whether a flow would be allowed, and which rule decides")
        {
            rules, direction, protocol, local, remote, network, serviceTags, explain, format,
        };
        command.SetAction(parsed => Run(
            new VerifyRequest(
                parsed.GetRequiredValue(rules),
                parsed.GetValue(serviceTags),
                parsed.GetValue(network) is { Length: > 0 } prefixes ? prefixes : null,
                new FlowQuery(
                    parsed.GetRequiredValue(direction),
                    parsed.GetRequiredValue(protocol),
                    parsed.GetRequiredValue(local).Address,
                    parsed.GetRequiredValue(local).Port,
                    parsed.GetRequiredValue(remote).Address,
                    parsed.GetRequiredValue(remote).Port),
                parsed.GetValue(explain),
                parsed.GetValue(format)),
            streams));
        HelpExamples.Add(
            command,
            "firewall verify --rules nsg.json --direction Inbound --protocol Tcp --local 10.0.0.4:22 --remote 203.0.113.5:*",
            "firewall verify --rules nsg.json --direction Outbound --protocol Udp --local [fd00::4]:* --remote [2001:db8::53]:53 --explain",
            "firewall verify --rules nsg.json --direction Inbound --protocol Icmp --local 10.0.0.4 --remote 10.0.1.9 --format json");
        return command;
    }

    private static int Run(VerifyRequest request, CommandStreams streams)
    {
        FlowQuery query = request.Query;
        if (query.Local.IsIPv4 != query.Remote.IsIPv4)
        {
            throw new InvalidInputException($"--local {query.Local} and --remote {query.Remote} must both be IPv4 or both be IPv6");
        }

        PolicyOptions options = new();
        if (request.VirtualNetwork is { } prefixes) options = options with { VirtualNetwork = prefixes };
        Policy policy = RuleInputs.Read(request.Rules, request.ServiceTags)
            .Compile(options, new RuleCatalog(), version: 1, out IReadOnlyList<RuleFinding> warnings);
        foreach (RuleFinding warning in warnings) streams.WriteError(warning.ToString());

        Explanation explanation = PolicyExplainer.Explain(policy, query);
        foreach (string note in VerifyReport.NotesOn(query, explanation)) streams.WriteError(note);
        VerifyReport.Write(query, explanation, request.Explain, request.Format, streams);
        return ExitCode.Done;
    }

    private static Option<byte> Protocol() => new("--protocol")
    {
        Description = "Tcp, Udp, Icmp, Icmpv6, Esp, Ah, or an IANA protocol number",
        HelpName = "NAME|N",
        Required = true,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            if (RuleProtocol.TryParse(text, out RuleProtocol protocol) && !protocol.IsAny) return protocol.Number;
            string suggestion = NearestWord.Suggestion(text, ["Tcp", "Udp", "Icmp", "Icmpv6", "Esp", "Ah"]);
            result.AddError($"--protocol is '{text}', but must be Tcp, Udp, Icmp, Icmpv6, Esp, Ah, or a number from 0 to 255{suggestion}");
            return 0;
        },
    };

    private static Option<EndpointText> Endpoint(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "IP[:PORT]",
        Required = true,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            if (!EndpointText.TryParse(result.Tokens[^1].Value, out EndpointText endpoint, out string error)) result.AddError($"{name} {error}");
            return endpoint;
        },
    };

    private sealed record VerifyRequest(
        string Rules, string? ServiceTags, IReadOnlyList<IpPrefix>? VirtualNetwork, FlowQuery Query, bool Explain, OutputFormat Format);
}
