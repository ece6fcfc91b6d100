using System.Collections;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Core.Packets;
using Firewall.Hosting;
using Firewall.Tests.Packets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The whole appliance on its real host, with files on disk and an operating system in memory.</summary>
public sealed class ApplianceTests : IDisposable
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);
    private static readonly FileWatchTiming Quick = new(TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));
    private static readonly string[] Up = ["lock", "device", "route"];
    private static readonly string[] UpAndDown = ["lock", "device", "route", "unroute", "undevice", "unlock"];

    private readonly TempFolder _folder = new();

    public ApplianceTests()
    {
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("firewall.json", """
            { "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0"], "Logging": { "LogLevel": { "Default": "None" } } } }
            """);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_sets_up_in_order_judges_packets_and_takes_down_in_reverse_order()
    {
        var platform = new TestPlatform();
        using IHost host = Host(platform);
        await host.StartAsync();
        Assert.Equal(Up, platform.Steps);
        platform.Device.Send(Syn(40001, 23));
        byte[] allowed = Syn(40002, 22);
        platform.Device.Send(allowed);
        Assert.Equal(allowed, platform.Device.Passed());
        await host.StopAsync();
        Assert.Equal(UpAndDown, platform.Steps);
    }

    [Fact]
    public async Task A_rule_written_while_it_runs_is_in_force_soon_after()
    {
        var platform = new TestPlatform();
        using IHost host = Host(platform);
        await host.StartAsync();
        _folder.Write("rules.json", SampleFiles.Allow("allow-web", 443));
        await PolicyVersion(host, 2);
        platform.Device.Send(Syn(40001, 22));
        byte[] web = Syn(40002, 443);
        platform.Device.Send(web);
        Assert.Equal(web, platform.Device.Passed());
        await host.StopAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // also beside rules that are refused
    public async Task Rejecting_can_be_switched_on_while_it_runs(bool withBrokenRules)
    {
        var platform = new TestPlatform();
        using IHost host = Host(platform);
        await host.StartAsync();
        if (withBrokenRules) _folder.Write("rules.json", "{ broken");
        // Nothing tells when the workers have taken it over, so both kinds of packet are sent until a denied one is answered.
        _folder.Write("firewall.json", """
            { "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0"], "Reject": true, "Logging": { "LogLevel": { "Default": "None" } } } }
            """);
        using var end = new CancellationTokenSource(Guard);
        byte[]? answer = null;
        for (ushort port = 40001; answer is null; port++)
        {
            end.Token.ThrowIfCancellationRequested();
            platform.Device.Send(Syn(port, 23));
            platform.Device.Send(Syn(port, 22));
            byte[] first = platform.Device.Passed();
            if (first.AsSpan().SequenceEqual(Syn(port, 22))) continue;
            answer = first;
        }

        Assert.Equal(MalformedReason.None, PacketParser.Parse(answer, answer.Length, out PacketInfo info));
        Assert.True(info.TcpFlags.HasFlag(TcpFlags.Rst));
        await host.StopAsync();
    }

    [Theory]
    [InlineData("lock")]
    [InlineData("device")]
    [InlineData("route")]
    public async Task A_start_that_fails_takes_down_what_it_had_set_up(string failAt)
    {
        var platform = new TestPlatform { FailAt = failAt };
        using IHost host = Host(platform);
        ApplianceException e = await Assert.ThrowsAsync<ApplianceException>(() => host.StartAsync());
        Assert.Equal($"no {failAt}", e.Message);
        string[] up = [.. Up.TakeWhile(s => s != failAt)];
        Assert.Equal([.. up, .. up.Reverse().Select(s => "un" + s)], platform.Steps);
    }

    [Fact]
    public async Task Broken_rules_at_the_start_are_told_before_anything_is_set_up()
    {
        _folder.Write("rules.json", SampleFiles.Allow(priority: 99));
        var platform = new TestPlatform();
        using IHost host = Host(platform);
        InvalidInputException e = await Assert.ThrowsAsync<InvalidInputException>(() => host.StartAsync());
        Assert.Contains("SecurityRuleInvalidPriority", Assert.Single(e.Problems), StringComparison.Ordinal);
        Assert.Empty(platform.Steps);
    }

    [Fact]
    public async Task When_the_device_vanishes_it_gives_up_and_takes_everything_down()
    {
        var platform = new TestPlatform();
        using IHost host = Host(platform);
        await host.StartAsync();
        platform.Device.Vanish();
        await host.WaitForShutdownAsync().WaitAsync(Guard);
        Assert.Equal("the device is gone", host.Services.GetRequiredService<Appliance>().Failure);
        Assert.Equal(UpAndDown, platform.Steps);
    }

    [Fact]
    public async Task Where_no_instance_can_be_followed_a_take_over_is_refused_and_nothing_is_set_up()
    {
        var platform = new TestPlatform();
        using IHost host = Host(platform, new StartMode(TakeOver: true));
        ApplianceException e = await Assert.ThrowsAsync<ApplianceException>(() => host.StartAsync());
        Assert.Equal("--take-over needs Linux; stop the running instance and start this one", e.Message);
        Assert.Empty(platform.Steps);
    }

    [Fact]
    public void A_second_instance_on_the_same_TUN_is_refused_until_the_first_is_gone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "abstract sockets are Linux's");
        string name = $"t{Environment.ProcessId}";
        using (InstanceLock.Take(name))
        {
            ApplianceException e = Assert.Throws<ApplianceException>(() => InstanceLock.Take(name));
            Assert.StartsWith($"another instance already runs on {name}", e.Message, StringComparison.Ordinal);
        }

        InstanceLock.Take(name).Dispose();
    }

    private static byte[] Syn(ushort sourcePort, ushort destinationPort) =>
        PacketBuilder.Tcp($"203.0.113.5:{sourcePort}", $"10.0.0.4:{destinationPort}", TcpFlags.Syn);

    private static async Task PolicyVersion(IHost host, uint version)
    {
        PolicyStore policies = host.Services.GetRequiredService<PolicyStore>();
        using var end = new CancellationTokenSource(Guard);
        while (policies.Current.Version < version)
        {
            end.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private IHost Host(TestPlatform platform, StartMode? mode = null)
    {
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        return ApplianceHost.Create(loader, loader.Load(), _ => platform, mode ?? new StartMode(TakeOver: false), Quick);
    }
}
