using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Engine;
using Xunit;

namespace Firewall.Tests.Rules;

public class PolicyTests
{
    private const string Empty = """{"name":"nsg-empty","properties":{"securityRules":[]}}""";

    [Theory]
    [InlineData(IpProtocol.Tcp, "203.0.113.5:40000", "10.0.0.4:22", "Inbound Deny DefaultRule_DenyAllInBound")]
    [InlineData(IpProtocol.Tcp, "10.0.0.4:40000", "203.0.113.5:443", "Outbound Allow DefaultRule_AllowInternetOutBound")]
    [InlineData(IpProtocol.Tcp, "10.0.0.4:40000", "10.0.0.5:22", "Intra Allow DefaultRule_AllowVnetInBound")]
    [InlineData(IpProtocol.Udp, "168.63.129.16:53", "10.0.0.4:5000", "Inbound Allow DefaultRule_AllowVnetInBound")]
    [InlineData(47, "10.0.0.4", "203.0.113.5", "Outbound Allow DefaultRule_AllowInternetOutBound")]
    [InlineData(IpProtocol.Tcp, "203.0.113.5:1", "198.51.100.1:2", "Transit Deny -")]
    [InlineData(IpProtocol.Tcp, "[2001:db8::1]:1", "[fd00::4]:22", "Inbound Deny DefaultRule_DenyAllInBound")]
    [InlineData(IpProtocol.Icmpv6, "fd00::4", "2001:db8::1", "Outbound Allow DefaultRule_AllowInternetOutBound")]
    public void An_empty_group_leaves_the_six_default_rules(byte protocol, string source, string destination, string expected) =>
        Assert.Equal(expected, Sample.Compile(Empty).Verdict(Sample.Packet(protocol, source, destination)));

    [Fact]
    public void The_lowest_priority_that_matches_decides()
    {
        Policy policy = Sample.Compile(Sample.Group(
            Sample.Rule("deny-all-web", 300, access: "Deny"), Sample.Rule("allow-web", 200, source: "203.0.113.0/24")));
        Assert.Equal("Inbound Allow UserRule_allow-web", policy.Verdict(Sample.Tcp("203.0.113.5:1000", "10.0.0.4:443")));
        Assert.Equal("Inbound Deny UserRule_deny-all-web", policy.Verdict(Sample.Tcp("198.51.100.5:1000", "10.0.0.4:443")));
    }

    [Fact]
    public void Traffic_inside_passes_the_outbound_rules_of_the_sender_and_the_inbound_rules_of_the_receiver()
    {
        Policy policy = Sample.Compile(Sample.Group(
            Sample.Rule("no-ssh-out", 100, "Outbound", "Deny", destinationPort: "22"),
            Sample.Rule("no-web-in", 100, "Inbound", "Deny", destinationPort: "80"),
            Sample.Rule("yes-dns-in", 110, "Inbound", "Allow", destinationPort: "53")));
        Assert.Equal("Intra Deny UserRule_no-ssh-out", policy.Verdict(Sample.Tcp("10.0.0.4:1", "10.0.0.5:22")));
        Assert.Equal("Intra Deny UserRule_no-web-in", policy.Verdict(Sample.Tcp("10.0.0.4:1", "10.0.0.5:80")));
        Assert.Equal("Intra Allow UserRule_yes-dns-in", policy.Verdict(Sample.Tcp("10.0.0.4:1", "10.0.0.5:53")));
    }

    [Fact]
    public void Rules_that_ask_for_ports_never_match_packets_without_ports()
    {
        Policy policy = Sample.Compile(Sample.Group(
            Sample.Rule("ports", 100, protocol: "*", destinationPort: "1-65535"),
            Sample.Rule("all", 200, protocol: "*", destinationPort: "0-65535", source: "203.0.113.0/24")));
        Assert.Equal("Inbound Allow UserRule_all", policy.Verdict(Sample.Packet(IpProtocol.Icmp, "203.0.113.1", "10.0.0.4")));
        Assert.Equal("Inbound Allow UserRule_all", policy.Verdict(Sample.Packet(IpProtocol.Esp, "203.0.113.1", "10.0.0.4")));
        Assert.Equal("Inbound Allow UserRule_ports", policy.Verdict(Sample.Tcp("203.0.113.1:5", "10.0.0.4:6")));
        PacketInfo later = Sample.Tcp("203.0.113.1:0", "10.0.0.4:0") with { IsFragment = true, FragmentOffset = 1480 };
        Assert.Equal("Inbound Allow UserRule_all", policy.Verdict(later));
        // An ICMP identifier lies where ports lie, and is none.
        PacketInfo echo = Sample.Packet(IpProtocol.Icmp, "198.51.100.1", "10.0.0.4") with { DestinationPort = 80, SourcePort = 80 };
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(echo));
    }

    [Theory]
    [InlineData("Icmp", IpProtocol.Icmp)]
    [InlineData("Icmpv6", IpProtocol.Icmpv6)]
    [InlineData("Esp", IpProtocol.Esp)]
    [InlineData("Ah", IpProtocol.Ah)]
    [InlineData("47", 47)]
    [InlineData("uDp", IpProtocol.Udp)]
    public void A_protocol_matches_its_own_number_only(string protocol, byte number)
    {
        Policy policy = Sample.Compile(Sample.Group(Sample.Rule("one", 100, protocol: protocol, destinationPort: "*")));
        for (int other = 0; other < 256; other++)
        {
            string expected = other == number ? "Inbound Allow UserRule_one" : "Inbound Deny DefaultRule_DenyAllInBound";
            Assert.Equal(expected, policy.Verdict(Sample.Packet((byte)other, "203.0.113.1:7", "10.0.0.4:8")));
        }
    }

    [Fact]
    public void A_whole_family_prefix_holds_no_address_of_the_other_family()
    {
        Policy policy = Sample.Compile(Sample.Group(Sample.Rule("v6", 100, source: "::/0"), Sample.Rule("v4", 200, source: "0.0.0.0/0")));
        Assert.Equal("Inbound Allow UserRule_v4", policy.Verdict(Sample.Tcp("203.0.113.1:7", "10.0.0.4:443")));
        Assert.Equal("Inbound Allow UserRule_v6", policy.Verdict(Sample.Tcp("[2001:db8::1]:7", "[fd00::4]:443")));
    }

    [Fact]
    public void Transit_is_what_the_options_say()
    {
        Policy policy = Sample.Compile(Empty, new PolicyOptions { Transit = Access.Allow });
        Assert.Equal("Transit Allow -", policy.Verdict(Sample.Tcp("203.0.113.1:7", "198.51.100.1:8")));
    }

    [Fact]
    public void Protected_addresses_may_be_less_than_the_virtual_network()
    {
        PolicyOptions options = new() { VirtualNetwork = [Sample.Prefix("10.0.0.0/8")], ProtectedAddresses = [Sample.Prefix("10.1.0.0/16")] };
        Policy policy = Sample.Compile(Empty, options);
        Assert.Equal("Inbound Allow DefaultRule_AllowVnetInBound", policy.Verdict(Sample.Tcp("10.2.0.1:7", "10.1.0.1:8")));
        Assert.Equal(TrafficDirection.Transit, policy.DirectionOf(Sample.Address("10.2.0.1"), Sample.Address("10.3.0.1")));
        Assert.Equal(TrafficDirection.Intra, policy.DirectionOf(Sample.Address("10.1.0.1"), Sample.Address("10.1.0.2")));
        Assert.Equal(TrafficDirection.Outbound, policy.DirectionOf(Sample.Address("10.1.0.1"), Sample.Address("10.3.0.1")));
    }

    [Fact]
    public void Without_rules_everything_is_denied()
    {
        Policy policy = Policy.DenyAll(new RuleCatalog());
        Assert.Equal("Intra Deny DefaultRule_DenyAllOutBound", policy.Verdict(Sample.Tcp("10.0.0.4:1", "10.0.0.5:22")));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(Sample.Tcp("203.0.113.1:1", "10.0.0.5:22")));
        Assert.Equal("Outbound Deny DefaultRule_DenyAllOutBound", policy.Verdict(Sample.Tcp("10.0.0.4:1", "203.0.113.1:22")));
        Assert.Equal("Transit Deny -", policy.Verdict(Sample.Tcp("203.0.113.1:1", "203.0.113.2:22")));
    }

    [Fact]
    public void A_rule_keeps_its_number_over_a_reload()
    {
        RuleCatalog catalog = new();
        PacketInfo packet = Sample.Tcp("203.0.113.5:1000", "10.0.0.4:443");
        int before = Sample.Compile(Sample.Group(Sample.Rule("web", 300)), catalog: catalog).Evaluate(in packet).Rule;
        int after = Sample.Compile(Sample.Group(Sample.Rule("other", 100, destinationPort: "1"), Sample.Rule("web", 400)), catalog: catalog).Evaluate(in packet).Rule;
        Assert.Equal(before, after);
        Assert.Equal("securityRules/web", catalog[after]?.ResourceName);
    }

    [Fact]
    public void Evaluate_allocates_nothing()
    {
        Policy policy = Sample.Compile(Sample.Group(Sample.Rule("a", 100, source: "203.0.113.0/24"), Sample.Rule("b", 200, source: "2001:db8::/32")));
        PacketInfo[] packets =
        [
            Sample.Tcp("203.0.113.5:1000", "10.0.0.4:443"), Sample.Tcp("10.0.0.4:443", "10.0.0.5:5"),
            Sample.Tcp("[2001:db8::1]:7", "[fd00::4]:443"), Sample.Packet(IpProtocol.Icmp, "10.0.0.4", "203.0.113.5"),
        ];
        int rules = 0;
        void Run()
        {
            for (int i = 0; i < 1000; i++) rules += policy.Evaluate(in packets[i % packets.Length]).Rule;
        }

        Run();
        Assert.Equal(0, Allocated.LeastBy(Run));
        Assert.NotEqual(0, rules);
    }
}
