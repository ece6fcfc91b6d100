using System.Collections;
using System.IO.Pipes;
using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Principal;
using System.Text.Json;
using Firewall.Activity;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The admin interface on Windows: a named pipe of a whole appliance, with an operating system in memory below.</summary>
[SupportedOSPlatform("windows")]
public sealed class AdminPipeTests : IAsyncLifetime
{
    private readonly TestPlatform _platform = new();
    private readonly string _pipe = $"{PipeName.Prefix}firewall-test-{Guid.NewGuid():N}";
    private TempFolder _folder = null!; // made once the test is known to run: one that is skipped is not disposed
    private IHost? _host;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsWindows(), "named pipes with an access list are Windows'");
        using var user = WindowsIdentity.GetCurrent();
        Assert.SkipUnless(new WindowsPrincipal(user).IsInRole(WindowsBuiltInRole.Administrator), "needs an administrator, as the appliance does");
        _folder = new TempFolder();
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("firewall.json", $$"""
            {
              "Firewall": {
                "Rules": "rules.json", "Admin": { "Socket": {{JsonSerializer.Serialize(_pipe)}} }, "ActivityLog": { "File": "activity.jsonl" },
                "Logging": { "LogLevel": { "Default": "None" } }
              }
            }
            """);
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        var quick = new FileWatchTiming(TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));
        _host = ApplianceHost.Create(loader, loader.Load(), _ => _platform, new StartMode(false), quick);
        await _host.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.StopAsync();
        _host?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_command_line_asks_through_it_many_times()
    {
        for (int i = 0; i < 10; i++)
        {
            CommandRunner run = CommandRunner.Run("status", "--socket", _pipe, "--format", "json");
            Assert.Equal("", run.Error);
            Assert.Equal(Environment.ProcessId, JsonDocument.Parse(run.Output).RootElement.GetProperty("process").GetInt32());
        }
    }

    [Fact]
    public void Who_asked_is_in_the_activity_log()
    {
        CommandRunner run = CommandRunner.Run("flows", "kill", "--socket", _pipe, "--all");
        Assert.Equal("", run.Error);
        string entry = _folder.ReadLines("activity.jsonl").Single(line => line.Contains(ActivityOperation.KillFlows.Value, StringComparison.Ordinal));
        JsonElement read = JsonDocument.Parse(entry).RootElement;
        using var user = WindowsIdentity.GetCurrent();
        Assert.Equal(user.Name, read.GetProperty("caller").GetString());
        Assert.Equal(user.User!.Value, read.GetProperty("claims").GetProperty("sid").GetString());
        Assert.Equal($"{Environment.ProcessId}", read.GetProperty("claims").GetProperty("pid").GetString());
    }

    [Fact]
    public void The_pipe_is_for_the_system_and_administrators_of_this_machine_alone()
    {
        CommandRunner.Run("status", "--socket", _pipe);
        using var client = new NamedPipeClientStream(".", PipeName.WordOf(_pipe), PipeDirection.InOut);
        client.Connect(TimeSpan.FromSeconds(20));
        Assert.True(PipeRights.IsOfAdministrators(client));
        Dictionary<string, AccessControlType> rules = client.GetAccessControl().GetAccessRules(true, true, typeof(SecurityIdentifier))
            .Cast<PipeAccessRule>().ToDictionary(rule => rule.IdentityReference.Value, rule => rule.AccessControlType);
        var expected = new Dictionary<string, AccessControlType>
        {
            ["S-1-5-2"] = AccessControlType.Deny, // whoever comes over the network
            ["S-1-5-18"] = AccessControlType.Allow, // the system
            ["S-1-5-32-544"] = AccessControlType.Allow, // administrators
        };
        Assert.Equal(expected, rules);
    }

    [Fact]
    public async Task It_goes_with_the_appliance_and_then_the_command_line_says_how_to_start_one()
    {
        Assert.Equal(0, CommandRunner.Run("status", "--socket", _pipe).ExitCode);
        await _host!.StopAsync();
        CommandRunner run = CommandRunner.Run("status", "--socket", _pipe);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"no appliance runs here: there is no {_pipe}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_no_pipes_is_refused()
    {
        CommandRunner run = CommandRunner.Run("status", "--socket", @"C:\firewall.sock");
        Assert.Contains("is no pipe's full name", run.Error, StringComparison.Ordinal);
    }
}
