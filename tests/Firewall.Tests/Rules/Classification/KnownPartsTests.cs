using System.Text;
using System.Text.Json;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;
using Xunit;

namespace Firewall.Tests.Rules.Classification;

/// <summary>A policy that shares with the one before is the one it would be without, and shares what is the same.</summary>
public sealed class KnownPartsTests
{
    private const string Rules = """
        { "name": "web", "id": "/subscriptions/1/resourceGroups/a/providers/Microsoft.Network/networkSecurityGroups/web", "securityRules": [
            { "name": "Https", "id": "/x/Https", "properties": {
              "description": "the shop", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
              "sourceAddressPrefix": "Internet", "sourcePortRange": "*", "destinationAddressPrefix": "10.0.0.4", "destinationPortRange": "443" } },
            { "name": "Ping", "properties": {
              "priority": 110, "direction": "Inbound", "access": "Allow", "protocol": "Icmp", "icmpTypes": ["8"],
              "sourceAddressPrefixes": ["192.0.2.0/24", "198.51.100.7"], "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } },
            { "name": "Members", "properties": {
              "priority": 120, "direction": "Outbound", "access": "Deny", "protocol": "*",
              "sourceApplicationSecurityGroups": [{ "id": "asg-web" }], "sourcePortRanges": ["1000-2000", "3000"], "destinationAddressPrefix": "VirtualNetwork", "destinationPortRange": "53" } } ] }
        """;

    [Fact]
    public void The_same_rules_again_are_the_same_objects()
    {
        RuleCatalog catalog = new();
        Policy before = Compile(Rules, catalog, null);
        Policy after = Compile(Rules, catalog, before);
        Assert.NotSame(before, after);
        Assert.Equal(3, after.Groups[0].SecurityRules.Count);
        Assert.All(Enumerable.Range(0, 3), i => Assert.Same(before.Groups[0].SecurityRules[i], after.Groups[0].SecurityRules[i]));
        Assert.All(Resolved(before).Zip(Resolved(after)), pair => Assert.Same(pair.First, pair.Second));
        Assert.Same(before.Compiled[0].Inbound, after.Compiled[0].Inbound);
        Assert.Same(before.Compiled[0].Outbound, after.Compiled[0].Outbound);
    }

    [Fact]
    public void An_edit_of_one_rule_leaves_no_tables_behind()
    {
        // As many prefixes as a service tag has, so that tables are what counts.
        string prefixes = string.Join(',', Enumerable.Range(0, 3500).Select(i => $"\"{20 + (i / 256)}.{i % 256}.0.0/17\""));
        string rules = Rules.Replace("\"192.0.2.0/24\"", prefixes, StringComparison.Ordinal);
        RuleCatalog catalog = new();
        Policy before = Compile(rules, catalog, null);
        string edited = rules.Replace("\"443\"", "\"444\"", StringComparison.Ordinal);
        long alone = Allocated(edited, null, catalog);
        Assert.InRange(Allocated(edited, before, catalog), 0, alone - 50_000);
    }

    private static long Allocated(string json, Policy? before, RuleCatalog catalog)
    {
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(json), "rules.json");
        long start = GC.GetAllocatedBytesForCurrentThread();
        PolicyCompiler.Compile(file.Groups, new PolicyOptions(), catalog, 2, before);
        return GC.GetAllocatedBytesForCurrentThread() - start;
    }

    [Fact]
    public void A_rule_in_front_moves_the_others_and_they_still_share_all_but_their_places()
    {
        RuleCatalog catalog = new();
        Policy before = Compile(Rules, catalog, null);
        string more = Rules.Replace("\"securityRules\": [", """
            "securityRules": [
            { "name": "First", "properties": {
              "priority": 4000, "direction": "Inbound", "access": "Deny", "protocol": "*",
              "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } },
            """, StringComparison.Ordinal);
        Policy after = Compile(more, catalog, before);
        SecurityRule was = before.Groups[0].SecurityRules[0];
        SecurityRule moved = after.Groups[0].SecurityRules[1];
        Assert.Equal("Https", moved.Name);
        Assert.NotEqual(was.Origin.Line, moved.Origin.Line);
        Assert.Same(was.DestinationPorts, moved.DestinationPorts);
        Assert.Same(was.Name, moved.Name);
        Assert.Same(was.Source.ServiceTag, moved.Source.ServiceTag);
        Assert.Same(before.Groups[0].SecurityRules[1].Origin.JsonPath, moved.Origin.JsonPath); // the second one's place is now the first one's
        Assert.Same(Resolved(before)[0].DestinationPorts, Resolved(after).Single(rule => rule.Rule.Name == "Https").DestinationPorts);
        Same(more, before, catalog);
    }

    [Theory]
    [InlineData("\"Https\", \"id\"", "\"HTTPS\", \"id\"")]
    [InlineData("/x/Https", "/y/Https")]
    [InlineData("\"id\": \"/x/Https\", ", "")]
    [InlineData("the shop", "the other shop")]
    [InlineData("\"priority\": 100", "\"priority\": 105")]
    [InlineData("\"priority\": 110, \"direction\": \"Inbound\"", "\"priority\": 110, \"direction\": \"Outbound\"")]
    [InlineData("\"access\": \"Deny\"", "\"access\": \"Allow\"")]
    [InlineData("\"protocol\": \"Tcp\"", "\"protocol\": \"Udp\"")]
    [InlineData("\"icmpTypes\": [\"8\"]", "\"icmpTypes\": [\"8\", \"0\"]")]
    [InlineData("\"Internet\"", "\"INTERNET\"")]
    [InlineData("\"Internet\"", "\"*\"")]
    [InlineData("\"VirtualNetwork\"", "\"10.9.0.0/16\"")]
    [InlineData("198.51.100.7", "198.51.100.8")]
    [InlineData("asg-web", "ASG-web")]
    [InlineData("asg-web", "asg-db")]
    [InlineData("1000-2000", "1000-2001")]
    [InlineData("\"443\"", "\"443-444\"")]
    [InlineData("\"10.0.0.4\"", "\n\"10.0.0.4\"")]
    [InlineData("\"name\": \"web\"", "\"name\": \"Web\"")]
    [InlineData("resourceGroups/a/", "resourceGroups/b/")]
    public void A_rule_that_changed_is_new_and_right(string old, string replacement)
    {
        Assert.Contains(old, Rules, StringComparison.Ordinal);
        RuleCatalog catalog = new();
        Policy before = Compile(Rules, catalog, null);
        Same(Rules.Replace(old, replacement, StringComparison.Ordinal), before, catalog);
        Same(Rules, before, catalog); // and what was in force is as it was
    }

    private static void Same(string rules, Policy before, RuleCatalog catalog)
    {
        Policy shared = Compile(rules, catalog, before);
        Policy alone = Compile(rules, catalog, null);
        Assert.Equal(Text(alone), Text(shared));
        Assert.Equal(Resolved(alone).Select(Text), Resolved(shared).Select(Text));
    }

    private static List<ResolvedRule> Resolved(Policy policy) => [.. policy.Compiled.SelectMany(group => group.Inbound.Rules.Concat(group.Outbound.Rules))];

    private static string Text(Policy policy) => JsonSerializer.Serialize(policy.Groups);

    private static string Text(ResolvedRule rule) =>
        $"{JsonSerializer.Serialize(rule.Rule)} {rule.Number} {Text(rule.SourcePorts)} {Text(rule.DestinationPorts)} {Text(rule.IcmpTypes)} {Text(rule.Source.V4)} {Text(rule.Destination.V4)}";

    private static string Text<T>(IntervalSet<T> set)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>, System.Numerics.IMinMaxValue<T> =>
        string.Join(',', Enumerable.Range(0, set.Count).Select(i => $"{set.Firsts[i]}-{set.Lasts[i]}"));

    private static Policy Compile(string rules, RuleCatalog catalog, Policy? before)
    {
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(rules), "rules.json");
        Assert.DoesNotContain(file.Findings, finding => finding.IsError);
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), catalog, 1, before);
        Assert.NotNull(result.Policy);
        return result.Policy;
    }
}
