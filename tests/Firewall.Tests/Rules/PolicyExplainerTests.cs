using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class PolicyExplainerTests
{
    private static readonly Policy s_policy = Sample.Compile(Sample.Group(
        Sample.Rule("allow-web", 200, source: "Internet", destination: "10.20.1.4"),
        Sample.Rule("deny-high-sources", 150, access: "Deny", sourcePort: "1-1023", destinationPort: "*"),
        Sample.Rule("ephemeral", 250, sourcePort: "49152-65535", destinationPort: "8443"),
        Sample.Rule("no-mail", 100, "Outbound", "Deny", destinationPort: "25")));

    [Theory]
    [InlineData(RuleDirection.Inbound, "10.20.1.4", 443, "198.51.100.7", null, Access.Allow, "securityRules/allow-web")]
    [InlineData(RuleDirection.Inbound, "10.20.1.4", 22, "198.51.100.7", null, Access.Deny, "defaultSecurityRules/DenyAllInBound")]
    [InlineData(RuleDirection.Inbound, "10.20.1.4", 443, "198.51.100.7", 1023, Access.Deny, "securityRules/deny-high-sources")]
    [InlineData(RuleDirection.Inbound, "10.20.1.5", 8443, "198.51.100.7", null, Access.Allow, "securityRules/ephemeral")]
    [InlineData(RuleDirection.Inbound, "10.20.1.4", null, "198.51.100.7", null, Access.Deny, "defaultSecurityRules/DenyAllInBound")]
    [InlineData(RuleDirection.Outbound, "10.20.1.4", null, "198.51.100.7", 25, Access.Deny, "securityRules/no-mail")]
    [InlineData(RuleDirection.Outbound, "10.20.1.4", null, "198.51.100.7", 443, Access.Allow, "defaultSecurityRules/AllowInternetOutBound")]
    public void Flow_verify_answers_with_the_rule_that_covers_the_whole_question(
        RuleDirection direction, string local, int? localPort, string remote, int? remotePort, Access access, string rule)
    {
        FlowQuery query = new(direction, IpProtocol.Tcp, Sample.Address(local), (ushort?)localPort, Sample.Address(remote), (ushort?)remotePort);
        Explanation answer = PolicyExplainer.Explain(s_policy, query);
        Assert.Equal((access, rule, true), (answer.Access, answer.RuleName, answer.IsLocalProtected));
    }

    [Fact]
    public void Every_rule_up_to_the_match_is_listed_with_the_conditions_it_met()
    {
        FlowQuery query = new(RuleDirection.Inbound, IpProtocol.Tcp, Sample.Address("10.20.1.4"), 22, Sample.Address("198.51.100.7"), 50000);
        GroupEvaluation group = Assert.Single(PolicyExplainer.Explain(s_policy, query).Groups);
        Assert.Equal("nsg-shop-web", group.SecurityGroup);
        Assert.Equal("all protected addresses", group.AppliedTo);
        Assert.Equal(
            ["UserRule_deny-high-sources", "UserRule_allow-web", "UserRule_ephemeral", "DefaultRule_AllowVnetInBound", "DefaultRule_AllowAzureLoadBalancerInBound", "DefaultRule_DenyAllInBound"],
            group.Rules.Select(rule => rule.Identity.FlowLogName));
        RuleEvaluation web = group.Rules[1];
        Assert.Equal((true, true, true, true, false), (web.ProtocolMatched, web.SourceMatched, web.SourcePortMatched, web.DestinationMatched, web.DestinationPortMatched));
        Assert.Same(group.Rules[^1], group.MatchedRule);
    }

    [Fact]
    public void A_local_address_outside_of_the_protected_ones_is_answered_and_marked()
    {
        FlowQuery query = new(RuleDirection.Inbound, IpProtocol.Tcp, Sample.Address("192.0.2.1"), 22, Sample.Address("198.51.100.7"), 50000);
        Explanation answer = PolicyExplainer.Explain(s_policy, query);
        Assert.False(answer.IsLocalProtected);
        Assert.Equal("defaultSecurityRules/DenyAllInBound", answer.RuleName);
    }

    [Fact]
    public void A_packet_inside_is_explained_by_both_chains()
    {
        PacketInfo packet = Sample.Tcp("10.0.0.4:50000", "10.0.0.5:22");
        Explanation answer = PolicyExplainer.Explain(s_policy, in packet);
        Assert.Equal([RuleDirection.Outbound, RuleDirection.Inbound], answer.Groups.Select(group => group.Direction));
        Assert.Equal("defaultSecurityRules/AllowVnetInBound", answer.RuleName);
    }

    [Theory]
    [InlineData(IpProtocol.Icmp, 8, 0, "securityRules/ping", true)]
    [InlineData(IpProtocol.Icmp, 8, null, "securityRules/ping", true)]
    [InlineData(IpProtocol.Icmp, 13, 0, "securityRules/stamp", false)]
    [InlineData(IpProtocol.Icmp, 13, null, "defaultSecurityRules/DenyAllInBound", false)]
    [InlineData(IpProtocol.Icmp, null, null, "defaultSecurityRules/DenyAllInBound", false)]
    [InlineData(IpProtocol.Udp, null, null, "defaultSecurityRules/DenyAllInBound", false)]
    public void An_ICMP_type_matches_only_if_the_rule_covers_all_that_the_question_may_mean(byte protocol, int? type, int? code, string rule, bool first)
    {
        Policy policy = Sample.Compile(Sample.Group(Sample.Icmp("ping", 100, "8"), Sample.Icmp("stamp", 110, "13/0")));
        FlowQuery query = new(RuleDirection.Inbound, protocol, Sample.Address("10.0.0.4"), null, Sample.Address("198.51.100.7"), null)
        {
            IcmpType = (byte?)type,
            IcmpCode = (byte?)code,
        };
        Explanation answer = PolicyExplainer.Explain(policy, query);
        Assert.Equal(rule, answer.RuleName);
        RuleEvaluation[] looked = [.. answer.Groups[0].Rules];
        Assert.Equal(first, looked[0].IcmpTypeMatched);
        if (rule.StartsWith("default", StringComparison.Ordinal)) Assert.Null(looked[^1].IcmpTypeMatched);
    }

    [Fact]
    public void A_protocol_without_ports_needs_rules_for_all_ports()
    {
        FlowQuery query = new(RuleDirection.Inbound, IpProtocol.Icmp, Sample.Address("10.0.0.4"), 1, Sample.Address("198.51.100.7"), 2);
        GroupEvaluation group = Assert.Single(PolicyExplainer.Explain(s_policy, query).Groups);
        Assert.False(group.Rules[0].SourcePortMatched);
        Assert.True(group.Rules[0].DestinationPortMatched);
    }
}
