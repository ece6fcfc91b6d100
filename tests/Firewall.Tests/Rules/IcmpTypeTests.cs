using System.Globalization;
using CsCheck;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class IcmpTypeTests
{
    [Theory]
    [InlineData("8", 0x0800, 0x08FF)]
    [InlineData("0", 0x0000, 0x00FF)]
    [InlineData("255", 0xFF00, 0xFFFF)]
    [InlineData("133-137", 0x8500, 0x89FF)]
    [InlineData("0-255", 0x0000, 0xFFFF)]
    [InlineData("3/4", 0x0304, 0x0304)]
    [InlineData("3/0-3", 0x0300, 0x0303)]
    public void Types_and_codes_are_read_and_written_back(string text, int first, int last)
    {
        Assert.True(IcmpTypeRange.TryParse(text, out IcmpTypeRange range));
        Assert.Equal((first, last), (range.First, range.Last));
        Assert.Equal(text, range.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("256")]
    [InlineData("-1")]
    [InlineData("9-8")]
    [InlineData("3-4/0")]
    [InlineData("3/")]
    [InlineData("3/4/5")]
    [InlineData("3/5-4")]
    [InlineData("*")]
    [InlineData("echo")]
    [InlineData(" 8")]
    public void What_is_no_type_is_refused(string text) => Assert.False(IcmpTypeRange.TryParse(text, out _));

    [Fact]
    public void Any_range_is_written_as_pieces_that_cover_it_exactly() =>
        Gen.Select(Gen.UShort, Gen.UShort, (a, b) => new IcmpTypeRange(Math.Min(a, b), Math.Max(a, b))).Sample(range =>
        {
            int next = range.First;
            foreach (string piece in range.ToString().Split(','))
            {
                Assert.True(IcmpTypeRange.TryParse(piece, out IcmpTypeRange read), piece);
                Assert.Equal(next, read.First);
                next = read.Last + 1;
            }

            Assert.Equal(range.Last + 1, next);
        });

    [Fact]
    public void A_rule_may_ask_for_ICMP_types_by_text_or_number()
    {
        string rule = Sample.Icmp("ping", 100, "8/0").Replace("[\"8/0\"]", "[\"8/0\", 13, \"15-18\"]", StringComparison.Ordinal);
        Assert.Equal(["8/0", "13", "15-18"], Sample.Good(Sample.Group(rule))[0].SecurityRules[0].IcmpTypes.Select(range => range.ToString()));
        string single = Sample.Icmp("ping", 100, "8").Replace("[\"8\"]", "8", StringComparison.Ordinal);
        Assert.Equal("8", Assert.Single(Sample.Good(Sample.Group(single))[0].SecurityRules[0].IcmpTypes).ToString());
        string unset = Sample.Icmp("ping", 100, "8").Replace("[\"8\"]", "null", StringComparison.Ordinal);
        Assert.Empty(Sample.Good(Sample.Group(unset))[0].SecurityRules[0].IcmpTypes);
    }

    [Theory]
    [InlineData("Tcp", "8", "$.properties.securityRules[0].properties.icmpTypes")]
    [InlineData("*", "8", "$.properties.securityRules[0].properties.icmpTypes")]
    [InlineData("47", "8", "$.properties.securityRules[0].properties.icmpTypes")]
    [InlineData("Icmp", "echo", "$.properties.securityRules[0].properties.icmpTypes[0]")]
    [InlineData("Icmpv6", "300", "$.properties.securityRules[0].properties.icmpTypes[0]")]
    public void ICMP_types_of_another_protocol_and_unknown_types_are_refused(string protocol, string type, string path)
    {
        RuleFinding finding = Assert.Single(Sample.Read(Sample.Group(Sample.Icmp("ping", 100, type, protocol: protocol))).Findings);
        Assert.Equal(("SecurityRuleInvalidIcmpType", path, true), (finding.Code, finding.JsonPath, finding.IsError));
    }

    [Theory]
    [InlineData("1", "10.0.0.4", IpProtocol.Icmp)]
    [InlineData("58", "fd00::4", IpProtocol.Icmpv6)]
    public void A_policy_judges_by_type_and_code(string protocol, string local, byte number)
    {
        Policy policy = Sample.Compile(Sample.Group(Sample.Icmp("ping", 100, number == 1 ? "8" : "128", protocol: protocol)));
        PacketInfo ping = Sample.Packet(number, number == 1 ? "203.0.113.1" : "2001:db8::1", local) with { IcmpType = number == 1 ? (byte)8 : (byte)128 };
        Assert.Equal("Inbound Allow UserRule_ping", policy.Verdict(ping));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(ping with { IcmpType = 13 }));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(ping with { FragmentOffset = 1480, IsFragment = true }));
        Assert.True(RuleProtocol.TryParse(number.ToString(CultureInfo.InvariantCulture), out _));
    }
}
