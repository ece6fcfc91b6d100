using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Rules;
using Xunit;

namespace Firewall.Tests.App;

public sealed class RulesDiffCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_same_rules_in_another_order_are_no_difference()
    {
        string old = Write("old.json", Sample.Rule("a", 100, destinationPort: "80"), Sample.Rule("b", 110, destinationPort: "443"));
        string next = Write("new.json", Sample.Rule("both", 200, destinationPort: "443"), Sample.Rule("http", 300, destinationPort: "80"));
        CommandRunner run = CommandRunner.Run("rules", "diff", old, next);
        Assert.Equal((0, "no difference: both give every packet the same access\n", ""), (run.ExitCode, run.Portable(), run.Error));
        Assert.Equal(
            """{"equal":true,"complete":true,"changes":[]}""",
            JsonSerializer.Serialize(CommandRunner.Run("rules", "diff", old, next, "--format", "json").Json()));
    }

    [Fact]
    public void What_opens_and_what_closes_is_told_with_a_packet()
    {
        string old = Write("old.json", Sample.Rule("office", 100, source: "198.51.100.0/28", destination: "10.20.0.0/16", destinationPort: "22"));
        string next = Write("new.json", Sample.Rule("web", 100, source: "203.0.113.0/24", destination: "10.20.0.0/16"));
        CommandRunner run = CommandRunner.Run("rules", "diff", old, next);
        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            """
            Closed  Tcp 198.51.100.0/28:* -> 10.20.0.0/16:22
                Allow by securityRules/office becomes Deny by defaultSecurityRules/DenyAllInBound, Inbound
                for example Tcp 198.51.100.10:50000 -> 10.20.0.0:22
            Opened  Tcp 203.0.113.0/24:* -> 10.20.0.0/16:443
                Deny by defaultSecurityRules/DenyAllInBound becomes Allow by securityRules/web, Inbound
                for example Tcp 203.0.113.10:50000 -> 10.20.0.0:443
            2 regions of traffic: 1 opened, 1 closed

            """.ReplaceLineEndings("\n"),
            run.Portable());
    }

    [Fact]
    public void The_json_is_stable()
    {
        string old = Write("old.json");
        string next = Write("new.json", Sample.Rule("any", 100, protocol: "Esp", source: "2001:db8::/32", destination: "fd00::4", destinationPort: "*"));
        CommandRunner run = CommandRunner.Run("rules", "diff", old, next, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            """{"equal":false,"complete":true,"changes":[{"kind":"Opened","old":{"access":"Deny","rule":"defaultSecurityRules/DenyAllInBound","direction":"Inbound"},"new":{"access":"Allow","rule":"securityRules/any","direction":"Inbound"},"region":{"protocols":["50"],"sources":["2001:db8::/32"],"sourcePorts":[],"destinations":["fd00::4/128"],"destinationPorts":[],"portless":true},"witness":{"protocol":50,"source":"2001:db8::a","destination":"fd00::4"}}]}""",
            JsonSerializer.Serialize(run.Json()));
    }

    [Fact]
    public void A_region_of_some_ICMP_types_names_them()
    {
        string old = Write("old.json");
        string ping = Sample.Rule("ping", 100, protocol: "Icmp", source: "203.0.113.0/24", destinationPort: "*");
        string next = Write("new.json", ping.Replace("\"protocol\"", "\"icmpTypes\":[\"8\",\"3/4\"],\"protocol\"", StringComparison.Ordinal));
        CommandRunner text = CommandRunner.Run("rules", "diff", old, next, "--vnet", "10.20.0.0/16");
        Assert.Equal((1, ""), (text.ExitCode, text.Error));
        Assert.Equal("Opened  Icmp/3/4,8 203.0.113.0/24:* -> 10.20.0.0/16:*", text.OutputLines[0]);
        Assert.Equal("    for example Icmp 203.0.113.10 -> 10.20.0.0 type 8 code 0", text.OutputLines[2]);
        JsonElement change = Assert.Single(CommandRunner.Run("rules", "diff", old, next, "--vnet", "10.20.0.0/16", "--format", "json").Json().GetProperty("changes").EnumerateArray());
        Assert.Equal("""["3/4","8"]""", JsonSerializer.Serialize(change.GetProperty("region").GetProperty("icmpTypes")));
        Assert.Equal("""{"protocol":1,"source":"203.0.113.10","destination":"10.20.0.0","icmpType":8,"icmpCode":0}""", JsonSerializer.Serialize(change.GetProperty("witness")));
        Assert.Equal("Deny", PolicyExplainer.Explain(RulesSamples.Policy(old), RulesSamples.Packet(change.GetProperty("witness"))).Access.ToString());
        Assert.Equal("Allow", PolicyExplainer.Explain(RulesSamples.Policy(next), RulesSamples.Packet(change.GetProperty("witness"))).Access.ToString());
    }

    [Fact]
    public void A_change_of_the_service_tag_file_is_a_difference()
    {
        string file = Write("nsg.json", Sample.Rule("storage", 100, source: "Storage"));
        string old = _folder.Write("old-tags.json", Tags("20.0.0.0/24"));
        string next = _folder.Write("new-tags.json", Tags("20.0.0.0/23"));
        Assert.Equal(0, CommandRunner.Run("rules", "diff", file, file, "--service-tags", next).ExitCode);
        CommandRunner run = CommandRunner.Run("rules", "diff", file, file, "--service-tags", next, "--old-service-tags", old);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("Opened  Tcp 20.0.1.0/24:* -> ", run.OutputLines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Groups_whose_addresses_are_not_known_are_compared_by_name()
    {
        string old = _folder.Write("old.json", $"[{Group("nsg-a", "22")},{Group("nsg-b", "443")}]");
        string next = _folder.Write("new.json", $"[{Group("NSG-B", "444")},{Group("nsg-a", "22")}]");
        CommandRunner run = CommandRunner.Run("rules", "diff", old, next, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            ["Closed nsg-b 443", "Closed nsg-b 443", "Opened nsg-b 444", "Opened nsg-b 444"],
            run.Json().GetProperty("changes").EnumerateArray()
                .Select(c => $"{c.GetProperty("kind")} {c.GetProperty("securityGroup")} {c.GetProperty("region").GetProperty("destinationPorts")[0]}").Order());
        Assert.Equal(2, run.ErrorLines.Length);
    }

    [Fact]
    public void A_group_that_only_one_side_has_cannot_be_compared()
    {
        string old = _folder.Write("old.json", $"[{Group("nsg-a", "22")},{Group("nsg-b", "443")}]");
        string next = _folder.Write("new.json", Group("nsg-a", "22"));
        CommandRunner run = CommandRunner.Run("rules", "diff", old, next);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.StartsWith($"firewall: {next}: has no network security group nsg-b, which {old} has", run.ErrorLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_both_sides_are_told_and_exit_with_2()
    {
        string other = _folder.Write("other.json", "{}");
        CommandRunner run = CommandRunner.Run("rules", "diff", RulesSamples.Broken, other);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(run.ErrorLines, line => line.Contains(RulesSamples.Broken, StringComparison.Ordinal));
        Assert.Contains(run.ErrorLines, line => line.Contains(other, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_a_thousand_rules_every_witness_is_confirmed_by_the_linear_matcher()
    {
        string old = _folder.Write("old.json", RulesSamples.Many(1000, seed: 7));
        string next = _folder.Write("new.json", RulesSamples.Many(1000, seed: 7, flipAccess: i => i % 100 == 0));
        CommandRunner run = CommandRunner.Run("rules", "diff", old, next, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        Policy before = RulesSamples.Policy(old);
        Policy after = RulesSamples.Policy(next);
        JsonElement[] changes = [.. run.Json().GetProperty("changes").EnumerateArray()];
        Assert.NotEmpty(changes);
        foreach (JsonElement change in changes)
        {
            PacketInfo witness = RulesSamples.Packet(change.GetProperty("witness"));
            Assert.Equal(Said(change.GetProperty("old")), Side(before, in witness));
            Assert.Equal(Said(change.GetProperty("new")), Side(after, in witness));
        }

        static string Side(Policy policy, in PacketInfo packet)
        {
            Explanation explanation = PolicyExplainer.Explain(policy, in packet);
            return $"{explanation.Access} {explanation.RuleName} {policy.DirectionOf(packet.Source, packet.Destination)}";
        }

        static string Said(JsonElement side) => $"{side.GetProperty("access")} {side.GetProperty("rule")} {side.GetProperty("direction")}";
    }

    private string Write(string name, params string[] rules) => _folder.Write(
        name, RulesSamples.Group("nsg-shop-web", rules));

    private static string Group(string name, string port) =>
        RulesSamples.Group(name, Sample.Rule(destinationPort: port));

    private static string Tags(string prefix) =>
        $$"""{ "changeNumber": 1, "values": [ { "name": "Storage", "properties": { "addressPrefixes": ["{{prefix}}"] } } ] }""";
}
