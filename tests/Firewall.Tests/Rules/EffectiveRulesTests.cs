using System.Text;
using System.Text.Json;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class EffectiveRulesTests
{
    private static readonly PolicyOptions s_options = new() { VirtualNetwork = [Sample.Prefix("10.20.0.0/16")] };

    [Fact]
    public void Tags_are_expanded_and_everything_else_is_as_written()
    {
        EffectiveGroup group = Assert.Single(EffectiveRules.Of(Sample.Compile(Sample.Group(Sample.Rule("ssh", 300, source: "198.51.100.0/28", destinationPort: "22")), s_options)));
        Assert.Equal("all protected addresses", group.AppliedTo);
        Assert.Equal(7, group.Rules.Count);
        Assert.Equal("securityRules/ssh", group.Rules[0].Name);
        Assert.Empty(group.Rules[0].ExpandedSource);
        Assert.Equal(["10.20.0.0/16", "168.63.129.16/32"], group.Rules[1].ExpandedSource);
    }

    [Fact]
    public void The_tag_Internet_is_the_exact_complement_in_both_families()
    {
        EffectiveGroup group = EffectiveRules.Of(Sample.Compile(Sample.Group(), s_options))[0];
        EffectiveRule internet = group.Rules.Single(rule => rule.Name == "defaultSecurityRules/AllowInternetOutBound");
        Assert.Contains("32.0.0.0/3", internet.ExpandedDestination);
        Assert.Contains("::/0", internet.ExpandedDestination);
        decimal size = internet.ExpandedDestination.Where(prefix => !prefix.Contains(':', StringComparison.Ordinal)).Sum(prefix => (decimal)(1UL << (32 - Sample.Prefix(prefix).Length)));
        Assert.Equal((1UL << 32) - 65536 - 1, size);
    }

    [Fact]
    public void ICMP_types_are_written_only_where_a_rule_has_them()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream)) EffectiveRules.WriteJson(json, EffectiveRules.Of(Sample.Compile(Sample.Group(Sample.Icmp("ping", 300, "8/0")), s_options)));
        string text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.Single(text.Split("\"icmpTypes\":[\"8/0\"]").Skip(1));
        Assert.Single(text.Split("icmpTypes").Skip(1));
    }

    [Fact]
    public void The_JSON_has_Azures_shape()
    {
        IReadOnlyList<EffectiveGroup> groups = EffectiveRules.Of(Sample.Compile(Sample.Group(Sample.Rule("ssh", 300, source: "198.51.100.0/28", destinationPort: "22")), s_options));
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream)) EffectiveRules.WriteJson(json, groups);
        string text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.Contains(
            """{"name":"securityRules/ssh","protocol":"Tcp","sourcePortRange":"0-65535","sourcePortRanges":["0-65535"],"destinationPortRange":"22-22","destinationPortRanges":["22-22"],"sourceAddressPrefix":"198.51.100.0/28","sourceAddressPrefixes":["198.51.100.0/28"],"destinationAddressPrefix":"0.0.0.0/0","destinationAddressPrefixes":["0.0.0.0/0","::/0"],"access":"Allow","priority":300,"direction":"Inbound"}""",
            text, StringComparison.Ordinal);
        Assert.Contains(
            """{"name":"defaultSecurityRules/AllowVnetInBound","protocol":"All","sourcePortRange":"0-65535","sourcePortRanges":["0-65535"],"destinationPortRange":"0-65535","destinationPortRanges":["0-65535"],"sourceAddressPrefix":"VirtualNetwork","sourceAddressPrefixes":["VirtualNetwork"],"destinationAddressPrefix":"VirtualNetwork","destinationAddressPrefixes":["VirtualNetwork"],"expandedSourceAddressPrefix":["10.20.0.0/16","168.63.129.16/32"],"expandedDestinationAddressPrefix":["10.20.0.0/16","168.63.129.16/32"],"access":"Allow","priority":65000,"direction":"Inbound"}""",
            text, StringComparison.Ordinal);
    }
}
