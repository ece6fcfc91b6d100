using System.Diagnostics;
using System.Text.Json;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Operators look into the running appliance and end connections, by the command line and its socket under /run.</summary>
public sealed class AdminTests
{
    private const string Nobody = "65534";

    // Every Debian has this group; nobody else in the tests is a member.
    private const string GroupName = "games";

    [Fact]
    public void A_session_that_is_killed_with_a_reset_ends_at_both_ends_at_once()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowSsh));
        appliance.WaitForLog("Admin socket ");
        using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
        Assert.Equal("begin", SshServer.Say(session, "begin"));
        JsonElement flow = Assert.Single(Flows(lab, "--destination", Lab.VmV4));
        using Process other = sshd.StartSession(lab.Client, Lab.VmV4);
        Assert.Equal("begin", SshServer.Say(other, "begin"));
        Assert.Equal(2, Flows(lab, "--port", "22").Count);
        Assert.Equal(Lab.ClientV4, flow.GetProperty("source").GetString());
        Assert.Equal(22, flow.GetProperty("destinationPort").GetInt32());
        Assert.Equal("Established", flow.GetProperty("state").GetString());
        Assert.Equal("UserRule_allow-ssh", flow.GetProperty("rule").GetString());

        Assert.Equal("1 flow killed\n", Firewall(lab, "flows", "kill", "--source-port", $"{flow.GetProperty("sourcePort").GetInt32()}", "--reset"));
        Assert.True(session.WaitForExit(TimeSpan.FromSeconds(10)), "ssh did not see the reset");
        Assert.Equal(255, session.ExitCode);
        Wait.Until(() => Connections(lab.Vm, Lab.VmV4) == 1, "sshd did not see the reset");
        Assert.Equal("still here", SshServer.Say(other, "still here"));
        sshd.Connects(lab.Client, Lab.VmV4);
    }

    [Fact]
    public void A_session_that_is_killed_without_a_reset_falls_silent()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowSsh));
        appliance.WaitForLog("Admin socket ");
        using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
        Assert.Equal("begin", SshServer.Say(session, "begin"));
        Assert.Equal("1 flow killed\n", Firewall(lab, "flows", "kill", "--rule", "allow-ssh"));
        Assert.Null(SshServer.Say(session, "anybody?"));
        Assert.False(session.HasExited);
        Assert.Equal(1, Connections(lab.Vm, Lab.VmV4));
        appliance.WaitForLog("Denied ", "(NoFlow)");
        session.Kill();
    }

    [Fact]
    public void The_socket_is_for_root_and_one_group()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group());
        string socket = lab.Files["admin.sock"];
        Shell.Run("chmod", "755", Path.GetDirectoryName(socket)!);
        using RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(), "env", $"FIREWALL__ADMIN__SOCKET={socket}", $"FIREWALL__ADMIN__GROUP={GroupName}");
        appliance.WaitForLog("Admin socket ");
        Assert.Equal($"660 root {GroupName}", Shell.Run("stat", "-c", "%a %U %G", socket).Trim());
        // The executable may lie where only root can go.
        string curl = $"curl -sS -o /dev/null -w '%{{http_code}}' --unix-socket {socket} http://firewall/v1/status";
        Assert.Equal((0, "200"), As([], "bash", "-c", curl));
        // Also where the file would let everybody in, the kernel says who asks.
        Shell.Run("chmod", "o+rw", socket);
        Assert.Equal((0, "403"), As(["--clear-groups"], "bash", "-c", curl, asNobody: true));
        Assert.Equal((0, "200"), As(["--groups", GroupName], "bash", "-c", curl, asNobody: true));
        Shell.Run("chmod", "o-rw", socket);
        Assert.DoesNotContain("200", As(["--clear-groups"], "bash", "-c", curl, asNobody: true).Output, StringComparison.Ordinal);
        Assert.Equal((0, "200"), As(["--groups", GroupName], "bash", "-c", curl, asNobody: true));

        (int ExitCode, string Output) As(string[] groups, string command, string flag, string line, bool asNobody = false) => asNobody
            ? Shell.Try("setpriv", ["--reuid", Nobody, "--regid", Nobody, .. groups, command, flag, line])
            : Shell.Try(command, [flag, line]);
    }

    [Fact]
    public void Another_group_may_look_by_the_socket_and_change_nothing()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group());
        string socket = lab.Files["admin.sock"];
        Shell.Run("chmod", "755", Path.GetDirectoryName(socket)!);
        using RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(), "env", $"FIREWALL__ADMIN__SOCKET={socket}", "FIREWALL__ADMIN__GROUP=mail", $"FIREWALL__ADMIN__READERGROUP={GroupName}");
        appliance.WaitForLog("Admin socket ");
        Assert.Equal("200", As("mail", "GET", "/v1/status"));
        Assert.Equal("200", As("mail", "POST", "/v1/flows/kill?all=true"));
        Assert.Equal("200", As(GroupName, "GET", "/v1/status"));
        Assert.Equal("403", As(GroupName, "POST", "/v1/flows/kill?all=true"));
        // Anybody else does not even get to the socket: the file's access list keeps him out.
        Assert.Equal("000", As("uucp", "GET", "/v1/status"));
        Assert.Equal("srw-rw----", Shell.Run("stat", "-c", "%A", socket).Trim());

        string As(string group, string method, string path) => Shell.Try(
            "setpriv",
            ["--reuid", Nobody, "--regid", Nobody, "--groups", group, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "--unix-socket", socket, $"http://firewall{path}"]).Output;
    }

    [Fact]
    public void A_reader_who_leaves_connections_open_keeps_nobody_else_out()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group());
        string socket = lab.Files["admin.sock"];
        Shell.Run("chmod", "755", Path.GetDirectoryName(socket)!);
        using RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(), "env", $"FIREWALL__ADMIN__SOCKET={socket}", $"FIREWALL__ADMIN__READERGROUP={GroupName}");
        appliance.WaitForLog("Admin socket ");
        using Process followers = lab.Gateway.Start(
            "setpriv", null,
            ["--reuid", Nobody, "--regid", Nobody, "--groups", GroupName, "bash", "-c", $"for i in {{1..70}}; do while curl -sN --unix-socket {socket} http://firewall/v1/drops/follow; do sleep 1; done & done; wait"]);
        Wait.Until(() => As(Nobody).Status == "429", "the reader is not told that he has too many");
        Assert.Contains("you have 16 connections to this socket already", As(Nobody).Body, StringComparison.Ordinal);
        Assert.Equal("200", As("65533").Status);
        Assert.Contains("mode", lab.Gateway.Run(RunningAppliance.Executable, "status", "--socket", socket), StringComparison.Ordinal);
        Assert.Equal(0, appliance.Terminate());

        (string Body, string Status) As(string user)
        {
            string[] said = Shell.Try(
                "setpriv",
                ["--reuid", user, "--regid", user, "--groups", GroupName, "curl", "-s", "-w", "\n%{http_code}", "--unix-socket", socket, "http://firewall/v1/caller"]).Output.Split('\n');
            return (said[0], said[^1]);
        }
    }

    [Fact]
    public void The_socket_goes_with_the_appliance_and_a_killed_one_leaves_it_to_the_next()
    {
        using var lab = new Lab();
        RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowSsh));
        try
        {
            string socket = appliance.WaitForLog("Admin socket ").Split(' ')[^1];
            appliance.Kill();
            Assert.True(File.Exists(socket));
            (int code, string output) = lab.Gateway.Try(RunningAppliance.Executable, "status");
            Assert.Equal(1, code);
            Assert.Contains("nobody listens", output, StringComparison.Ordinal);
            appliance.Dispose();
            appliance = lab.StartGateway(Nsg.Group(Nsg.AllowSsh));
            appliance.WaitForLog("Admin socket ");
            Assert.Contains("mode", Firewall(lab, "status"), StringComparison.Ordinal);
            Assert.Equal(0, appliance.Terminate());
            Assert.False(File.Exists(socket));
        }
        finally
        {
            appliance.Dispose();
        }
    }

    private static string Firewall(Lab lab, params string[] arguments) => lab.Gateway.Run(RunningAppliance.Executable, arguments);

    private static IReadOnlyList<JsonElement> Flows(Lab lab, params string[] conditions) =>
        [.. JsonDocument.Parse(Firewall(lab, ["flows", "list", "--format", "json", .. conditions])).RootElement.EnumerateArray()];

    private static int Connections(NetworkNamespace place, string address) =>
        place.Run("ss", "-Htn", "state", "established", "src", $"{address}:22").Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
}
