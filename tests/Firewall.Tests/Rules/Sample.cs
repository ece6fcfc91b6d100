using System.Text;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Short ways to write rules and packets in tests.</summary>
internal static class Sample
{
    /// <summary>A whole group around rules in JSON.</summary>
    public static string Group(params string[] rules) =>
        $$$"""{"name":"nsg-shop-web","properties":{"securityRules":[{{{string.Join(",\n", rules)}}}]}}""";

    /// <summary>A rule in the ARM form.</summary>
    public static string Rule(
        string name = "allow-web", int priority = 200, string direction = "Inbound", string access = "Allow", string protocol = "Tcp",
        string source = "*", string sourcePort = "*", string destination = "*", string destinationPort = "443") =>
        $$$"""
        {"name":"{{{name}}}","properties":{"protocol":"{{{protocol}}}","sourcePortRange":"{{{sourcePort}}}","destinationPortRange":"{{{destinationPort}}}",
        "sourceAddressPrefix":"{{{source}}}","destinationAddressPrefix":"{{{destination}}}","access":"{{{access}}}","priority":{{{priority}}},"direction":"{{{direction}}}"}}
        """;

    /// <summary>A rule that allows ICMP messages of one type.</summary>
    public static string Icmp(string name, int priority, string type, string source = "*", string destination = "*", string protocol = "Icmp") =>
        Rule(name, priority, protocol: protocol, source: source, destination: destination, destinationPort: "*")
            .Replace("\"access\"", $"\"icmpTypes\":[\"{type}\"],\"access\"", StringComparison.Ordinal);

    public static RuleFile Read(string json, string file = "rules.json") => NsgReader.Read(Encoding.UTF8.GetBytes(json), file);

    /// <summary>Reads a file that must be good.</summary>
    public static IReadOnlyList<NetworkSecurityGroup> Good(string json, string file = "rules.json")
    {
        RuleFile read = Read(json, file);
        Assert.Empty(read.Findings);
        return read.Groups;
    }

    public static Policy Compile(string json, PolicyOptions? options = null, RuleCatalog? catalog = null)
    {
        CompileResult result = PolicyCompiler.Compile(Good(json), options ?? new PolicyOptions(), catalog ?? new RuleCatalog(), 1);
        Assert.Empty(result.Findings);
        Assert.NotNull(result.Policy);
        return result.Policy;
    }

    public static IpAddress Address(string text)
    {
        Assert.True(IpAddress.TryParse(text, out IpAddress address));
        return address;
    }

    public static IpPrefix Prefix(string text)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix, out _));
        return prefix;
    }

    /// <summary>A packet of "10.0.0.4:22" form; ports are left out for protocols that have none.</summary>
    public static PacketInfo Packet(byte protocol, string source, string destination)
    {
        (IpAddress from, ushort fromPort) = Endpoint(source);
        (IpAddress to, ushort toPort) = Endpoint(destination);
        return new PacketInfo { Protocol = protocol, Source = from, SourcePort = fromPort, Destination = to, DestinationPort = toPort };
    }

    public static PacketInfo Tcp(string source, string destination) => Packet(IpProtocol.Tcp, source, destination);

    /// <summary>The flow-log name of the rule that decides, and its access: "Allow UserRule_x".</summary>
    public static string Verdict(this Policy policy, PacketInfo packet)
    {
        RuleMatch match = policy.Evaluate(in packet);
        return $"{match.Direction} {match.Access} {policy.Catalog[match.Rule]?.FlowLogName ?? "-"}";
    }

    private static (IpAddress Address, ushort Port) Endpoint(string text)
    {
        int colon = text.Contains('.', StringComparison.Ordinal) ? text.LastIndexOf(':') : text.IndexOf("]:", StringComparison.Ordinal) + 1;
        if (colon <= 0) return (Address(text.Trim('[', ']')), 0);
        return (Address(text[..colon].Trim('[', ']')), ushort.Parse(text[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }
}
