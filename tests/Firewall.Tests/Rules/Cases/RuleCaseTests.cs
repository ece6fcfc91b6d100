using System.Text;
using System.Xml.Linq;
using CsCheck;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Cases;
using Xunit;

namespace Firewall.Tests.Rules.Cases;

public class RuleCaseTests
{
    private const string Cases = """
        { "cases": [
          { "name": "web is open", "protocol": "Tcp", "source": "203.0.113.7:50000", "destination": "10.0.0.4:443", "access": "Allow", "rule": "securityRules/allow-web" },
          { "name": "ssh is closed", "protocol": "Tcp", "direction": "Inbound", "local": "10.0.0.4:22", "remote": "203.0.113.7:*", "access": "Deny", "rule": "DenyAllInBound" },
          { "name": "ping goes out", "protocol": "Icmpv6", "source": "fd00::4", "destination": "2001:db8::1", "access": "Allow", "rule": "DefaultRule_AllowInternetOutBound" },
          { "name": "wrong # access", "protocol": "Udp", "source": "[fd00::4]:5", "destination": "[2001:db8::1]:53", "access": "Deny" },
          { "name": "wrong rule", "protocol": "Tcp", "source": "203.0.113.7", "destination": "10.0.0.4:443", "access": "Allow", "rule": "other" }
        ] }
        """;

    [Fact]
    public void Cases_are_judged_by_access_and_rule()
    {
        Assert.Equal([true, true, true, false, false], Run().Select(result => result.Passed));
        Assert.Equal("expected Allow by other, but it is Allow by securityRules/allow-web", Run()[4].Message);
    }

    [Theory]
    [InlineData("8", "Allow", 0)]
    [InlineData("8/1", "Deny", 0)]
    [InlineData("13", "Deny", 0)]
    [InlineData("8-9", "Deny", 1)]
    [InlineData("8/0-3", "Deny", 1)]
    [InlineData("echo", "Deny", 1)]
    public void A_case_may_name_an_ICMP_type(string type, string access, int findings)
    {
        foreach (string inbound in (string[])["\"source\":\"203.0.113.7\",\"destination\":\"10.0.0.4\"", "\"direction\":\"Inbound\",\"remote\":\"203.0.113.7\",\"local\":\"10.0.0.4\""])
        {
            RuleCaseFile file = RuleCaseReader.Read(Encoding.UTF8.GetBytes($$"""[{"protocol":"Icmp","icmpType":"{{type}}",{{inbound}},"access":"{{access}}"}]"""), "cases.json");
            Assert.Equal(findings, file.Findings.Count);
            Policy policy = Sample.Compile(Sample.Group(Sample.Icmp("no-odd-ping", 100, "8/1").Replace("Allow", "Deny", StringComparison.Ordinal), Sample.Icmp("ping", 110, "8")));
            Assert.All(RuleCaseRunner.Run(policy, file.Cases), result => Assert.True(result.Passed, result.Message));
        }
    }

    [Fact]
    public void An_ICMP_type_of_another_protocol_is_refused()
    {
        RuleCaseFile file = RuleCaseReader.Read("""[{"protocol":"Tcp","icmpType":8,"source":"203.0.113.7","destination":"10.0.0.4","access":"Deny"}]"""u8.ToArray(), "cases.json");
        Assert.Contains("icmpType", Assert.Single(file.Findings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_text_never_throws() => Gen.Char["-:,'\"\n []{}ab*/1"].Array[0, 60].Select(chars => new string(chars)).Sample(
        text => { RuleCaseReader.Read(Encoding.UTF8.GetBytes(text), "f"); },
        iter: 20_000);

    [Fact]
    public void TAP_has_a_plan_and_a_line_for_each_case()
    {
        StringWriter writer = new();
        RuleCaseReport.WriteTap(writer, Run());
        Assert.Equal(
            """
            TAP version 14
            1..5
            ok 1 - web is open
            ok 2 - ssh is closed
            ok 3 - ping goes out
            not ok 4 - wrong \# access
              ---
              message: "expected Deny, but it is Allow by defaultSecurityRules/AllowInternetOutBound"
              file: "cases.json"
              line: 5
              ...
            not ok 5 - wrong rule
              ---
              message: "expected Allow by other, but it is Allow by securityRules/allow-web"
              file: "cases.json"
              line: 6
              ...

            """.ReplaceLineEndings("\n"),
            writer.ToString());
    }

    [Fact]
    public void JUnit_counts_and_names_the_failures()
    {
        using MemoryStream stream = new();
        RuleCaseReport.WriteJUnit(stream, "cases\u0001.json", Run());
        XElement suite = XDocument.Parse(Encoding.UTF8.GetString(stream.ToArray())).Root!.Element("testsuite")!;
        Assert.Equal(("5", "2"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value));
        Assert.Equal(["wrong # access", "wrong rule"], suite.Elements("testcase").Where(test => test.Element("failure") is not null).Select(test => test.Attribute("name")!.Value));
    }

    [Theory]
    [InlineData("{}", "$")]
    [InlineData("""[1]""", "$[0]")]
    [InlineData("""[{"protocol":"Tcp","source":"10.0.0.1","destination":"10.0.0.2"}]""", "$[0]")]
    [InlineData("""[{"protocol":"*","source":"10.0.0.1","destination":"10.0.0.2","access":"Allow"}]""", "$[0].protocol")]
    [InlineData("""[{"protocol":"Tcp","source":"10.0.0.1:99999","destination":"10.0.0.2","access":"Allow"}]""", "$[0].source")]
    [InlineData("""[{"protocol":"Tcp","source":"[fd00::1","destination":"10.0.0.2","access":"Allow"}]""", "$[0].source")]
    [InlineData("""[{"protocol":"Tcp","source":"fd00::1","destination":"10.0.0.2","access":"Allow"}]""", "$[0]")]
    [InlineData("""[{"protocol":"Tcp","source":"10.0.0.1","destination":"10.0.0.2","access":"Maybe"}]""", "$[0].access")]
    [InlineData("""[{"protocol":"Tcp","local":"10.0.0.1","remote":"10.0.0.2","access":"Allow"}]""", "$[0]")]
    [InlineData("""[{"protocol":"Tcp","source":"10.0.0.1","destination":"10.0.0.2","access":"Allow","acess":"Deny"}]""", "$[0].acess")]
    public void A_broken_case_is_refused_at_its_place(string json, string path)
    {
        RuleCaseFile file = RuleCaseReader.Read(Encoding.UTF8.GetBytes(json), "cases.json");
        Assert.True(file.HasErrors);
        Assert.Equal(path, file.Findings[0].JsonPath);
    }

    [Theory]
    [InlineData("10.0.0.4:22", "10.0.0.4", 22)]
    [InlineData("10.0.0.4:*", "10.0.0.4", null)]
    [InlineData("10.0.0.4", "10.0.0.4", null)]
    [InlineData("[fd00::4]:22", "fd00::4", 22)]
    [InlineData("[fd00::4]", "fd00::4", null)]
    [InlineData("fd00::4", "fd00::4", null)]
    public void An_end_is_an_address_with_or_without_a_port(string text, string address, int? port)
    {
        Assert.True(RuleCaseReader.TryParseEnd(text, out var parsed, out ushort? parsedPort));
        Assert.Equal((address, (ushort?)port), (parsed.ToString(), parsedPort));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[fd00::4]22")]
    [InlineData("[fd00::4]:")]
    [InlineData("10.0.0.4:")]
    [InlineData("10.0.0.4:-1")]
    [InlineData(":22")]
    public void Another_text_is_no_end(string text) => Assert.False(RuleCaseReader.TryParseEnd(text, out _, out _));

    private static IReadOnlyList<RuleCaseResult> Run()
    {
        RuleCaseFile file = RuleCaseReader.Read(Encoding.UTF8.GetBytes(Cases), "cases.json");
        Assert.Empty(file.Findings);
        return RuleCaseRunner.Run(Sample.Compile(Sample.Group(Sample.Rule("allow-web"))), file.Cases);
    }
}
