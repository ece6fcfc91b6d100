using Xunit;

namespace Firewall.Tests.App;

public class CommandLineTests
{
    [Fact]
    public void Without_a_command_the_commands_are_named()
    {
        CommandRunner run = CommandRunner.Run();
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(["firewall: no command given; there are run, replay, verify, rules, activity, status, top, flows, drops, jit, service", "firewall: see 'firewall --help'"], run.ErrorLines);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("run", "--help")]
    [InlineData("replay", "--help")]
    [InlineData("verify", "--help")]
    [InlineData("rules", "--help")]
    [InlineData("rules", "validate", "--help")]
    [InlineData("rules", "show", "--help")]
    [InlineData("rules", "lint", "--help")]
    [InlineData("rules", "diff", "--help")]
    [InlineData("rules", "test", "--help")]
    public void Help_goes_to_standard_output_with_examples(params string[] args)
    {
        CommandRunner run = CommandRunner.Run(args);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Examples:\n  ", run.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void The_version_is_printed()
    {
        CommandRunner run = CommandRunner.Run("--version");
        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"^firewall \d+\.\d+\.\d+", run.Output);
    }

    [Theory]
    [InlineData("verfy", "firewall: unknown command 'verfy'; did you mean 'verify'?")]
    [InlineData("serve", "firewall: unknown command 'serve'; did you mean 'service'?")]
    [InlineData("--vers", "firewall: unknown option '--vers'; did you mean '--version'?")]
    public void An_unknown_word_is_told_with_what_may_be_meant(string word, string line)
    {
        CommandRunner run = CommandRunner.Run(word);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal([line, "firewall: see 'firewall --help'"], run.ErrorLines);
    }

    [Fact]
    public void Every_wrong_option_is_told_at_once_one_line_each()
    {
        CommandRunner run = CommandRunner.Run(
            "verify", "--rules", "x", "--direction", "in", "--protocol", "tpc", "--local", "10.0.0.4:99999", "--remote", "10.0.0",
            "--vnet", "10.0.0.1/8", "--format", "xml", "--explian");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            [
                "firewall: unknown option '--explian'; did you mean '--explain'?",
                "firewall: --direction is 'in', but must be Inbound or Outbound",
                "firewall: --protocol is 'tpc', but must be Tcp, Udp, Icmp, Icmpv6, Esp, Ah, or a number from 0 to 255; did you mean 'Tcp'?",
                "firewall: --local is '10.0.0.4:99999', whose port must be a number from 0 to 65535, or *",
                "firewall: --remote is '10.0.0', but must be an address with or without a port, such as 10.0.0.4:22, 10.0.0.4:* or [fd00::4]:22",
                "firewall: --vnet is '10.0.0.1/8', which has host bits set; did you mean '10.0.0.0/8'?",
                "firewall: --format is 'xml', but must be text or json",
                "firewall: see 'firewall verify --help'",
            ],
            run.ErrorLines);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("verify", "--rules", "x", "--direction", "Inbound", "--protocol", "6", "--local", "10.0.0.1", "--remote", "10.0.0.2", "--vnet")]
    [InlineData("rules", "show", "nsg.json", "--vnet")]
    public void A_prefix_that_is_left_out_is_told(params string[] args)
    {
        CommandRunner run = CommandRunner.Run(args);
        Assert.Equal((2, "firewall: Required argument missing for option: '--vnet'"), (run.ExitCode, run.ErrorLines[0]));
    }

    [Fact]
    public void A_missing_option_is_told()
    {
        CommandRunner run = CommandRunner.Run("verify", "--direction", "Inbound", "--protocol", "6", "--local", "10.0.0.1", "--remote", "10.0.0.2");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(["firewall: Option '--rules' is required", "firewall: see 'firewall verify --help'"], run.ErrorLines);
    }

    [Fact]
    public void Run_with_a_broken_configuration_tells_every_error_and_exits_with_2()
    {
        using var folder = new TempFolder();
        string file = folder.Write("firewall.json", """{ "Firewall": { "Mode": "Both", "Reject": 7, "Tun": { "Queues": 0 } } }""");
        CommandRunner run = CommandRunner.Run("run", "--config", file);
        Assert.Equal(2, run.ExitCode);
        string[] keys = ["Mode", "Rules", "Reject", "Tun:Queues"];
        Assert.All(run.ErrorLines, line => Assert.StartsWith($"firewall: {file}:1: Firewall:", line, StringComparison.Ordinal));
        Assert.All(keys, key => Assert.Contains(run.ErrorLines, line => line.Contains($"Firewall:{key} ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("[", "rules.json:1: error InvalidJson: ")]
    [InlineData("{ \"securityRules\": 1 }", "rules.json:1: error ")]
    [InlineData("[]{}", "rules.json:1: error ")]
    [InlineData("", "rules.json: error InvalidJson: ")]
    [InlineData(null, "rules.json: the rules file does not exist")]
    public void Run_with_broken_rules_tells_what_is_wrong_and_exits_with_2(string? rules, string line)
    {
        using var folder = new TempFolder();
        if (rules is not null) folder.Write("rules.json", rules);
        string file = folder.Write("firewall.json", """{ "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0"] } }""");
        CommandRunner run = CommandRunner.Run("run", "--config", file);
        Assert.Equal(2, run.ExitCode);
        Assert.All(run.ErrorLines, l => Assert.StartsWith($"firewall: {folder.Path}{Path.DirectorySeparatorChar}", l, StringComparison.Ordinal));
        Assert.StartsWith($"firewall: {folder.Path}{Path.DirectorySeparatorChar}{line}", run.ErrorLines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Run_on_an_interface_that_is_not_there_says_which_there_are_and_exits_with_1()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "interfaces are asked for on Linux");
        using var folder = new TempFolder();
        folder.Write("rules.json", SampleFiles.NoRules);
        string file = folder.Write(
            "firewall.json", """{ "Firewall": { "Rules": "rules.json", "Interfaces": ["no-such-if"], "Tun": { "Name": "fwtestcli" } } }""");
        CommandRunner run = CommandRunner.Run("run", "--config", file);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("firewall: there is no network interface 'no-such-if'; there are: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_without_a_configuration_file_says_how_to_name_one()
    {
        CommandRunner run = CommandRunner.Run("run", "--config", "/nonexistent/firewall.json");
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("firewall: /nonexistent/firewall.json: no such configuration file; name it with --config", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }
}
