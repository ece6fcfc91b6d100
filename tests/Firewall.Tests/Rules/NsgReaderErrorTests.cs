using System.Globalization;
using System.Text;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class NsgReaderErrorTests
{
    [Theory]
    [InlineData("priority", "99", "SecurityRuleInvalidPriority", "Security rule has invalid Priority. Value provided: 99 Allowed range 100-4096.")]
    [InlineData("priority", "4097", "SecurityRuleInvalidPriority", "Security rule has invalid Priority. Value provided: 4097 Allowed range 100-4096.")]
    [InlineData("priority", "100.5", "SecurityRuleInvalidPriority", "Security rule has invalid Priority. Value provided: 100.5 Allowed range 100-4096.")]
    [InlineData("priority", "null", "SecurityRuleParameterMissing", "Required security rule parameter Priority is missing for security rule with Id: nsg-shop-web/securityRules/r.")]
    [InlineData("protocol", "\"Any\"", "SecurityRuleInvalidProtocol", "Security rule has invalid Protocol. Value provided: Any Allowed values: Icmp,Tcp,Udp,Esp,Ah,*.")]
    [InlineData("protocol", "256", "SecurityRuleInvalidProtocol", "Security rule has invalid Protocol. Value provided: 256 Allowed values: Icmp,Tcp,Udp,Esp,Ah,*.")]
    [InlineData("protocol", "\"\"", "SecurityRuleParameterMissing", "Required security rule parameter Protocol is missing for security rule with Id: nsg-shop-web/securityRules/r.")]
    [InlineData("access", "\"Block\"", "SecurityRuleInvalidAccess", "Security rule has invalid Access. Value provided: Block Allowed values: Allow,Deny.")]
    [InlineData("access", "1", "SecurityRuleInvalidAccess", "Security rule has invalid Access. Value provided: 1 Allowed values: Allow,Deny.")]
    [InlineData("direction", "\"In\"", "SecurityRuleInvalidDirection", "Security rule has invalid Direction. Value provided: In Allowed values: Inbound,Outbound.")]
    [InlineData("direction", "[]", "SecurityRuleParameterMissing", "Required security rule parameter Direction is missing for security rule with Id: nsg-shop-web/securityRules/r.")]
    [InlineData("direction", "{}", "InvalidRequestFormat", "Direction of security rule nsg-shop-web/securityRules/r must be a single value.")]
    [InlineData("destinationPortRange", "\"80,443\"", "SecurityRuleInvalidPortRange", "Security rule has invalid Port range. Value provided: 80,443. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.")]
    [InlineData("destinationPortRange", "\"65536\"", "SecurityRuleInvalidPortRange", "Security rule has invalid Port range. Value provided: 65536. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.")]
    [InlineData("sourcePortRange", "\"90-80\"", "SecurityRuleInvalidPortRange", "Security rule has invalid Port range. Value provided: 90-80. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.")]
    [InlineData("sourcePortRange", "\"ssh\"", "SecurityRuleInvalidPortRange", "Security rule has invalid Port range. Value provided: ssh. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.")]
    [InlineData("sourcePortRange", "null", "SecurityRuleParametersMissing", "Required security rule parameters are missing for security rule with Id: nsg-shop-web/securityRules/r. Security rule must specify SourcePortRanges or SourcePortRange.")]
    [InlineData("sourceAddressPrefix", "\"50.206.209.68/27\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: 50.206.209.68/27")]
    [InlineData("sourceAddressPrefix", "\"2001:db8::1/32\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: 2001:db8::1/32")]
    [InlineData("sourceAddressPrefix", "\"10.0.0.0/33\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: 10.0.0.0/33")]
    [InlineData("sourceAddressPrefix", "\"any\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: any")]
    [InlineData("sourceAddressPrefix", "\"VIRTUAL_NETWORK\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: VIRTUAL_NETWORK")]
    [InlineData("sourceAddressPrefix", "\"::ffff:10.0.0.1\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: ::ffff:10.0.0.1")]
    [InlineData("destinationAddressPrefix", "\"10.0.0.1, 10.0.0.2\"", "SecurityRuleInvalidAddressPrefix", "Security rule nsg-shop-web/securityRules/r has invalid Address prefix. Value provided: 10.0.0.1, 10.0.0.2")]
    [InlineData("destinationAddressPrefix", "\"\"", "SecurityRuleParametersMissing", "Required security rule parameters are missing for security rule with Id: nsg-shop-web/securityRules/r. Security rule must specify DestinationAddressPrefixes, DestinationAddressPrefix, or DestinationApplicationSecurityGroups.")]
    public void A_bad_value_gives_Azures_code_and_message_at_its_place(string field, string value, string code, string message)
    {
        RuleFinding finding = Assert.Single(Sample.Read(With(field, value)).Findings);
        Assert.Equal((FindingSeverity.Error, code, message), (finding.Severity, finding.Code, finding.Message));
        Assert.NotEmpty(finding.Remedy);
        Assert.Equal("rules.json", finding.File);
        bool isMissing = code is "SecurityRuleParameterMissing" or "SecurityRuleParametersMissing";
        Assert.Equal("$.properties.securityRules[0].properties" + (isMissing ? "" : "." + field), finding.JsonPath);
        Assert.Equal(isMissing ? 3 : 4, finding.Line);
    }

    [Theory]
    [InlineData("""["10.0.0.0/24","*"]""", "SecurityRuleParameterContainsUnsupportedValue", "$.properties.securityRules[0].properties.sourceAddressPrefixes[1]")]
    [InlineData("""["Internet"]""", "SecurityRuleParameterContainsUnsupportedValue", "$.properties.securityRules[0].properties.sourceAddressPrefixes[0]")]
    [InlineData("""["20.20.20.20/16"]""", "SecurityRuleInvalidAddressPrefix", "$.properties.securityRules[0].properties.sourceAddressPrefixes[0]")]
    [InlineData("""["10.1.0.0/16","192.0.2.1","10.0.0.0/8"]""", "OverlappingSubnetsNotPermittedInSecurityRule", "$.properties.securityRules[0].properties.sourceAddressPrefixes[0]")]
    [InlineData("""["10.1.0.0","10.1.0.0/32"]""", "OverlappingSubnetsNotPermittedInSecurityRule", "$.properties.securityRules[0].properties.sourceAddressPrefixes[1]")]
    [InlineData("""["fd00::/8","fd00::1"]""", "OverlappingSubnetsNotPermittedInSecurityRule", "$.properties.securityRules[0].properties.sourceAddressPrefixes[1]")]
    public void A_list_of_prefixes_holds_only_prefixes_that_do_not_overlap(string list, string code, string path)
    {
        RuleFinding finding = Assert.Single(Sample.Read(With("sourceAddressPrefix", "null", $"\"sourceAddressPrefixes\":{list},")).Findings);
        Assert.Equal((code, path), (finding.Code, finding.JsonPath));
    }

    [Theory]
    // The mapped form of an IPv4 address lies between IPv6 ones.
    [InlineData("::/0", "10.0.0.0/8", "2001:db8::/32")]
    [InlineData("10.0.0.0/8", "::/1", "fd00::/8", "10.1.0.0/16")]
    [InlineData("::/16", "::/120", "10.0.0.0/8", "0:1::/32")]
    public void An_overlap_is_found_whatever_lies_between(params string[] prefixes)
    {
        string list = string.Join(',', prefixes.Select(prefix => $"\"{prefix}\""));
        string rule = Sample.Rule().Replace("\"sourceAddressPrefix\":\"*\"", $"\"sourceAddressPrefixes\":[{list}]", StringComparison.Ordinal);
        RuleFinding[] findings = [.. Sample.Read(Sample.Group(rule)).Findings];
        Assert.All(findings, finding => Assert.Equal("OverlappingSubnetsNotPermittedInSecurityRule", finding.Code));
        Assert.Equal(Overlaps(prefixes), findings.Length);
    }

    /// <summary>How many of the prefixes lie within another one.</summary>
    private static int Overlaps(string[] prefixes)
    {
        IpPrefix[] all = [.. prefixes.Select(Sample.Prefix)];
        return all.Count(inner => all.Any(outer => outer != inner && outer.Contains(inner)));
    }

    [Fact]
    public void An_overlap_names_both_prefixes()
    {
        RuleFinding finding = Assert.Single(Sample.Read(With("sourceAddressPrefix", "null", """ "sourceAddressPrefixes":["10.1.0.0/16","10.0.0.0/8"], """)).Findings);
        Assert.Equal(
            "Security rule parameter SourceAddressPrefix for rule with Id nsg-shop-web/securityRules/r contains overlapping subnets [10.0.0.0/8, 10.1.0.0/16], which is not permitted.",
            finding.Message);
    }

    [Theory]
    [InlineData(""" "sourceAddressPrefixes":["10.0.0.0/8"], """, "SourceAddressPrefixes, SourceAddressPrefix, SourceApplicationSecurityGroups.")]
    [InlineData(""" "destinationApplicationSecurityGroups":[{"id":"a"}], """, "DestinationAddressPrefixes, DestinationAddressPrefix, DestinationApplicationSecurityGroups.")]
    [InlineData(""" "sourcePortRanges":["1"], """, "SourcePortRanges, SourcePortRange.")]
    public void Two_spellings_of_one_field_exclude_each_other(string extra, string fields)
    {
        RuleFinding finding = Assert.Single(Sample.Read(With("priority", "100", extra)).Findings);
        Assert.Equal("SecurityRuleParametersConflict", finding.Code);
        Assert.Equal("Security rule with Id nsg-shop-web/securityRules/r must specify a non empty value for exactly one of: " + fields, finding.Message);
    }

    [Fact]
    public void A_star_in_a_list_of_ports_is_refused()
    {
        RuleFinding finding = Assert.Single(Sample.Read(With("sourcePortRange", "null", """ "sourcePortRanges":["*"], """)).Findings);
        Assert.Equal("SecurityRuleInvalidPortRange", finding.Code);
        Assert.Equal("Write \"*\" in sourcePortRange; a list must not hold it.", finding.Remedy);
    }

    [Fact]
    public void Equal_priorities_conflict_only_in_the_same_direction()
    {
        Assert.Empty(Sample.Read(Sample.Group(Sample.Rule("a", 100), Sample.Rule("b", 100, "Outbound"))).Findings);
        RuleFinding finding = Assert.Single(Sample.Read(Sample.Group(Sample.Rule("a", 100), Sample.Rule("b", 100))).Findings);
        Assert.Equal("SecurityRuleConflict", finding.Code);
        Assert.Equal("Security rule b conflicts with rule a. Rules cannot have the same Priority and Direction. To learn more, see aka.ms/nsgrules.", finding.Message);
        Assert.Equal("$.properties.securityRules[1]", finding.JsonPath);
    }

    [Fact]
    public void Names_are_unique_without_regard_to_case()
    {
        RuleFinding finding = Assert.Single(Sample.Read(Sample.Group(Sample.Rule("Web", 100), Sample.Rule("wEB", 101))).Findings);
        Assert.Equal("DuplicateResourceName", finding.Code);
    }

    [Theory]
    [InlineData("-web")]
    [InlineData("web-")]
    [InlineData("we b")]
    [InlineData("wéb")]
    [InlineData("a12345678901234567890123456789012345678901234567890123456789012345678901234567890")]
    public void A_name_that_Azure_does_not_take_is_refused(string name)
    {
        RuleFinding finding = Assert.Single(Sample.Read(Sample.Group(Sample.Rule(name))).Findings);
        Assert.Equal("InvalidResourceName", finding.Code);
        Assert.Equal("$.properties.securityRules[0].name", finding.JsonPath);
    }

    [Fact]
    public void A_description_of_more_than_140_characters_is_refused()
    {
        Assert.Empty(Sample.Read(With("description", $"\"{new string('x', 140)}\"")).Findings);
        Assert.Equal("SecurityRuleDescriptionTooLong", Assert.Single(Sample.Read(With("description", $"\"{new string('x', 141)}\"")).Findings).Code);
    }

    [Fact]
    public void More_than_a_thousand_rules_are_refused()
    {
        static string Rules(int count) => Sample.Group([.. Enumerable.Range(0, count).Select(i => Sample.Rule(
            string.Create(CultureInfo.InvariantCulture, $"r{i}"), 100 + (i / 2), i % 2 == 0 ? "Inbound" : "Outbound"))]);
        Assert.Empty(Sample.Read(Rules(1000)).Findings);
        RuleFinding finding = Assert.Single(Sample.Read(Rules(1001)).Findings);
        Assert.Equal(("SecurityRuleCountLimitReached", "A security group cannot have more than 1000 security rules."), (finding.Code, finding.Message));
    }

    [Fact]
    public void More_than_four_thousand_prefixes_of_one_field_are_refused()
    {
        static string Lists(int first, int second) => Sample.Group(
            Augmented("a", 100, first), Augmented("b", 101, second));
        Assert.Empty(Sample.Read(Lists(2000, 2000)).Findings);
        RuleFinding finding = Assert.Single(Sample.Read(Lists(2000, 2001)).Findings);
        Assert.Equal("SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached", finding.Code);
        Assert.Equal("Network security group nsg-shop-web has 4001 DestinationAddressPrefixes. A security group cannot have more than 4000 DestinationAddressPrefixes as per the limit MaxSecurityRuleAddressesOrPortsPerSecurityGroup.", finding.Message);

        static string Augmented(string name, int priority, int count)
        {
            string prefixes = string.Join(',', Enumerable.Range(0, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"\"10.{i / 256}.{i % 256}.0/24\"")));
            return $$$"""
                {"name":"{{{name}}}","properties":{"protocol":"*","access":"Allow","direction":"Inbound","priority":{{{priority}}},"sourcePortRange":"*",
                "destinationPortRange":"*","sourceAddressPrefix":"*","destinationAddressPrefixes":[{{{prefixes}}}]}}
                """;
        }
    }

    [Fact]
    public void More_than_ten_application_security_groups_on_one_side_are_refused()
    {
        string ids = string.Join(',', Enumerable.Range(0, 11).Select(i => string.Create(CultureInfo.InvariantCulture, $"{{\"id\":\"asg{i}\"}}")));
        RuleFinding finding = Assert.Single(Sample.Read(With("sourceAddressPrefix", "null", $"\"sourceApplicationSecurityGroups\":[{ids}],")).Findings);
        Assert.Equal("NumberOfApplicationSecurityGroupsReferencedInSecurityRuleLimitReached", finding.Code);
        Assert.Equal("A security rule may have up to 10 Application Security Group in the source or destination fields. The requested configuration has 11 in the SourceApplicationSecurityGroups field.", finding.Message);
    }

    [Fact]
    public void All_findings_of_a_file_come_at_once()
    {
        RuleFile file = Sample.Read(Sample.Group(
            Sample.Rule("a b", 99, source: "any"), Sample.Rule("ok", 100), Sample.Rule("c", 100, destinationPort: "x", protocol: "Q")));
        Assert.Equal(
            ["InvalidResourceName", "SecurityRuleInvalidPriority", "SecurityRuleInvalidAddressPrefix", "SecurityRuleInvalidProtocol", "SecurityRuleInvalidPortRange", "SecurityRuleConflict"],
            file.Findings.Select(finding => finding.Code));
        Assert.True(file.HasErrors);
    }

    [Theory]
    [InlineData("{\"name\":\"a\",\n \"properties\": }", 2, 16)]
    [InlineData("{\"name\":\"a\"", 1, 12)]
    [InlineData("{} {}", 1, 4)]
    [InlineData("{'name':1}", 1, 2)]
    [InlineData("nonsense", 1, 2)]
    public void A_syntax_error_gives_line_and_column(string json, int line, int column)
    {
        RuleFinding finding = Assert.Single(Sample.Read(json).Findings);
        Assert.Equal(("InvalidJson", line), (finding.Code, finding.Line));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"line {line}, column {column}:"), finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t")]
    [InlineData("\uFEFF")]
    public void An_empty_file_is_refused(string text) =>
        Assert.Equal(("InvalidJson", "The file is empty."), (Assert.Single(Sample.Read(text).Findings).Code, Sample.Read(text).Findings[0].Message));

    [Fact]
    public void Text_that_is_not_UTF8_is_refused()
    {
        RuleFinding finding = Assert.Single(NsgReader.Read(new byte[] { (byte)'{', 0xFF, (byte)'}' }, "f").Findings);
        Assert.Equal("The file is not UTF-8 text.", finding.Message);
    }

    [Fact]
    public void Half_of_a_surrogate_pair_is_refused() =>
        Assert.Equal("InvalidJson", Assert.Single(Sample.Read("""{"name":"\ud800"}""").Findings).Code);

    [Fact]
    public void Deep_nesting_is_refused()
    {
        RuleFinding finding = Assert.Single(Sample.Read(new string('[', 100_000)).Findings);
        Assert.Equal("InvalidJson", finding.Code);
        Assert.Contains("64", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_beyond_all_reason_is_refused() =>
        Assert.Equal("InvalidJson", Assert.Single(NsgReader.Read(new byte[NsgLimits.MaxFileBytes + 1], "f").Findings).Code);

    [Theory]
    [InlineData("""{"name":"a","properties":{"securityRules":[],"securityRules":[]}}""", "$.properties.securityRules")]
    [InlineData("""{"name":"a","Name":"b","properties":{"securityRules":[]}}""", "$.Name")]
    public void A_property_that_is_written_twice_is_refused(string json, string path)
    {
        RuleFinding finding = Assert.Single(Sample.Read(json).Findings);
        Assert.Equal(("InvalidRequestFormat", path), (finding.Code, finding.JsonPath));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("17")]
    [InlineData("null")]
    [InlineData("""{"foo":1}""")]
    [InlineData("""[{"foo":1}]""")]
    [InlineData("""{"type":"Microsoft.Network/publicIPAddresses","name":"ip","properties":{}}""")]
    [InlineData("""{"error":{"code":"AuthorizationFailed","message":"no"}}""")]
    [InlineData("""{"name":"x","properties":{"securityRules":{}}}""")]
    [InlineData("""{"name":"x","properties":{"securityRules":"Microsoft.Azure.Commands.Network.Models.PSSecurityRule"}}""")]
    [InlineData("""{"Name":"x","SecurityRules":["Microsoft.Azure.Commands.Network.Models.PSSecurityRule"]}""")]
    [InlineData("""{"name":"x","properties":[1]}""")]
    [InlineData("""{"name":"x","securityRules":[],"flushConnection":"maybe"}""")]
    public void A_file_of_another_shape_is_refused_with_a_hint(string json)
    {
        RuleFinding finding = Sample.Read(json).Findings[0];
        Assert.Equal((FindingSeverity.Error, "InvalidRequestFormat"), (finding.Severity, finding.Code));
        Assert.NotEmpty(finding.Remedy);
    }

    [Fact]
    public void A_conflict_is_told_also_if_one_of_the_two_rules_has_another_error()
    {
        RuleFile file = Sample.Read(Sample.Group(
            Sample.Rule("first", 100, destinationPort: "70000"), Sample.Rule("second", 100), Sample.Rule("third", 100, "Outbound"), Sample.Rule("fourth", 99, "Outbound")));
        Assert.Equal(
            ["SecurityRuleConflict", "SecurityRuleInvalidPortRange", "SecurityRuleInvalidPriority"],
            file.Findings.Select(finding => finding.Code).Order());
        Assert.Contains("Security rule second conflicts with rule first.", file.Findings.Single(finding => finding.Code == "SecurityRuleConflict").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_taken_twice_is_told_also_if_one_of_the_two_rules_has_another_error()
    {
        RuleFile file = Sample.Read(Sample.Group(Sample.Rule("twin", 100, protocol: "Xyz"), Sample.Rule("Twin", 100)));
        Assert.Equal([FindingCodes.InvalidProtocol, FindingCodes.DuplicateName], file.Findings.Select(finding => finding.Code));
    }

    [Fact]
    public void A_rule_that_can_match_nothing_is_a_warning()
    {
        RuleFile ports = Sample.Read(Sample.Group(Sample.Rule("ping", protocol: "Icmp", destinationPort: "8")));
        RuleFile families = Sample.Read(Sample.Group(Sample.Rule("mixed", source: "10.0.0.0/8", destination: "fd00::/8")));
        Assert.All([ports, families], file =>
        {
            Assert.False(file.HasErrors);
            Assert.Equal("SecurityRuleNeverMatches", Assert.Single(file.Findings).Code);
        });
    }

    [Fact]
    public void A_finding_is_one_line_for_people()
    {
        RuleFinding finding = Assert.Single(Sample.Read(With("priority", "99"), "web.json").Findings);
        Assert.Equal(
            "web.json:4: error SecurityRuleInvalidPriority at $.properties.securityRules[0].properties.priority: "
            + "Security rule has invalid Priority. Value provided: 99 Allowed range 100-4096. Give a whole number in that range; the lowest is looked at first.",
            finding.ToString());
    }

    /// <summary>A group with one rule "r" in which one field has another value; the field stands on line 4.</summary>
    private static string With(string field, string value, string extra = "")
    {
        Dictionary<string, string> fields = new()
        {
            ["protocol"] = "\"Tcp\"",
            ["sourcePortRange"] = "\"*\"",
            ["destinationPortRange"] = "\"443\"",
            ["sourceAddressPrefix"] = "\"*\"",
            ["destinationAddressPrefix"] = "\"*\"",
            ["access"] = "\"Allow\"",
            ["priority"] = "100",
            ["direction"] = "\"Inbound\"",
        };
        fields.Remove(field);
        StringBuilder json = new("{\"name\":\"nsg-shop-web\",\n \"properties\":{\"securityRules\":[\n  {\"name\":\"r\",\"properties\":{" + extra + "\n");
        json.Append('"').Append(field).Append("\":").Append(value);
        foreach ((string name, string text) in fields) json.Append(",\n\"").Append(name).Append("\":").Append(text);
        return json.Append("}}]}}").ToString();
    }
}
