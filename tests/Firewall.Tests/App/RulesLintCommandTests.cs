using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Rules;
using Xunit;

namespace Firewall.Tests.App;

public sealed class RulesLintCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Clean_rules_exit_with_0()
    {
        CommandRunner run = CommandRunner.Run("rules", "lint", RulesSamples.Good);
        Assert.Equal((0, "docs/rules/nsg-web.json: no findings in 1 security group, 3 rules\n", ""), (run.ExitCode, run.Portable(), run.Error));
        JsonElement json = CommandRunner.Run("rules", "lint", RulesSamples.Good, "--format", "json").Json();
        Assert.Equal("""{"securityGroups":1,"securityRules":3,"findings":[]}""", JsonSerializer.Serialize(json));
    }

    [Fact]
    public void Findings_have_a_place_and_a_packet_and_exit_with_1()
    {
        string file = _folder.Write("nsg.json", Sample.Group(Sample.Rule("wide", 100, destinationPort: "440-444"), Sample.Rule("narrow", 200, source: "203.0.113.0/24", access: "Deny")));
        CommandRunner run = CommandRunner.Run("rules", "lint", file);
        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            [
                $"{file}:3: warning Contradiction: Rule narrow says Deny, but every packet that it fits is decided the other way by wide.",
                "    for example Tcp 203.0.113.10:50000 -> 10.0.0.4:443",
                $"{file}: 1 warning in 1 security group, 2 rules",
            ],
            run.OutputLines);
    }

    [Fact]
    public void The_json_is_stable()
    {
        string file = _folder.Write("nsg.json", Sample.Group(Sample.Rule("wide", 100, destinationPort: "440-444"), Sample.Rule("narrow", 200, source: "203.0.113.0/24")));
        CommandRunner run = CommandRunner.Run("rules", "lint", file, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            """{"kind":"NeverReached","severity":"warning","file":"FILE","line":3,"path":"$.properties.securityRules[1]","securityGroup":"nsg-shop-web","direction":"Inbound","rule":"securityRules/narrow","message":"Rule narrow is never reached: every packet that it fits is decided by wide.","others":[{"securityGroup":"nsg-shop-web","direction":"Inbound","rule":"securityRules/wide"}],"witness":{"protocol":6,"source":"203.0.113.10","sourcePort":50000,"destination":"10.0.0.4","destinationPort":443},"misses":[]}""",
            JsonSerializer.Serialize(Assert.Single(run.Json().GetProperty("findings").EnumerateArray()), Relaxed).Replace(RulesSamples.InJson(file), "FILE", StringComparison.Ordinal));
    }

    [Fact]
    public void A_rule_with_an_empty_application_security_group_is_one_finding()
    {
        string file = _folder.Write("nsg.json", """
            {"name":"nsg","properties":{"securityRules":[{"name":"app","properties":{"protocol":"Tcp","sourcePortRange":"*","destinationPortRange":"443",
              "sourceApplicationSecurityGroups":[{"id":"asg-web"}],"destinationAddressPrefix":"*","access":"Allow","priority":100,"direction":"Inbound"}}]}}
            """);
        CommandRunner run = CommandRunner.Run("rules", "lint", file);
        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        Assert.Equal(3, run.OutputLines.Length);
        Assert.StartsWith($"{file}:1: warning EmptyApplicationSecurityGroup: Rule app names asg-web", run.OutputLines[0], StringComparison.Ordinal);
        Assert.StartsWith("    nearest packet Tcp ", run.OutputLines[1], StringComparison.Ordinal);
        Assert.EndsWith(": the rule misses it by its source, defaultSecurityRules/DenyAllInBound decides it", run.OutputLines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_for_information_are_told_and_leave_exit_code_0()
    {
        // A list of blocked addresses before a rule that allows: each fits packets that the other does not, and that is meant.
        string file = _folder.Write("nsg.json", Sample.Group(
            Sample.Rule("blocked", 100, source: "203.0.113.0/24", protocol: "*", destinationPort: "*", access: "Deny"), Sample.Rule("web", 200, source: "Internet")));
        CommandRunner run = CommandRunner.Run("rules", "lint", file);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.StartsWith($"{file}:1: information AllowOverruledInPart: ", run.OutputLines[0], StringComparison.Ordinal);
        Assert.Equal($"{file}: 0 warnings and 1 for information in 1 security group, 2 rules", run.OutputLines[^1]);
    }

    [Fact]
    public void Every_group_of_an_export_is_linted_even_if_its_addresses_are_not_known()
    {
        string groupA = RulesSamples.Group("nsg-a", Sample.Rule("ssh-a", 100, destinationPort: "22"));
        string groupB = RulesSamples.Group("nsg-b", Sample.Rule("ssh-b", 100, destinationPort: "22"));
        string file = _folder.Write("list.json", $"[{groupA},{groupB}]");
        CommandRunner run = CommandRunner.Run("rules", "lint", file, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(
            ["ManagementPortOpen nsg-a securityRules/ssh-a", "ManagementPortOpen nsg-b securityRules/ssh-b"],
            run.Json().GetProperty("findings").EnumerateArray().Select(f => $"{f.GetProperty("kind")} {f.GetProperty("securityGroup")} {f.GetProperty("rule")}"));
    }

    [Fact]
    public void A_virtual_network_that_is_everything_is_told_once()
    {
        string file = _folder.Write("list.json", """[{"name":"nsg-a","properties":{"securityRules":[]}},{"name":"nsg-b","properties":{"securityRules":[]}}]""");
        CommandRunner run = CommandRunner.Run("rules", "lint", file, "--vnet", "0.0.0.0/0");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(3, run.OutputLines.Length);
        Assert.StartsWith($"{file}: warning VirtualNetworkWidened: ", run.OutputLines[0], StringComparison.Ordinal);
        Assert.StartsWith("    for example Tcp 203.0.113.10:", run.OutputLines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_with_errors_exit_with_2()
    {
        CommandRunner run = CommandRunner.Run("rules", "lint", RulesSamples.Broken, "--format", "json");
        Assert.Equal((2, "", 4), (run.ExitCode, run.Output, run.ErrorLines.Length));
    }

    [Fact]
    public void Of_a_thousand_rules_every_witness_is_confirmed_by_the_linear_matcher()
    {
        string file = _folder.Write("nsg.json", RulesSamples.Many(1000, seed: 7));
        CommandRunner run = CommandRunner.Run("rules", "lint", file, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        Policy policy = RulesSamples.Policy(file);
        int confirmed = 0;
        foreach (JsonElement finding in run.Json().GetProperty("findings").EnumerateArray())
        {
            string kind = finding.GetProperty("kind").GetString()!;
            Assert.Equal(kind is "NeverMatches" or "EmptyApplicationSecurityGroup", finding.GetProperty("misses").GetArrayLength() > 0);
            PacketInfo witness = RulesSamples.Packet(finding.GetProperty("witness"));
            GroupEvaluation asked = PolicyExplainer.Explain(policy, in witness).Groups
                .Last(group => group.Direction.ToString() == finding.GetProperty("direction").GetString());
            string decider = asked.MatchedRule!.Identity.ResourceName;
            // What lint says of a rule that decides its witness, and of one that does not.
            bool decides = decider == finding.GetProperty("rule").GetString();
            Assert.Equal(kind is "Redundant" or "ManagementPortOpen" or "AllowOverruledInPart", decides);
            if (!decides) Assert.Contains(decider, finding.GetProperty("others").EnumerateArray().Select(other => other.GetProperty("rule").GetString()));
            confirmed++;
        }

        Assert.True(confirmed > 50, $"{confirmed} witnesses test too little");
    }

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
