using System.Collections;
using System.Net.Sockets;
using System.Text;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Hosting;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>What a service manager hears of the appliance.</summary>
/// <remarks>Not beside other tests: where to tell it stands in the environment, which a host made at the same time would read too.</remarks>
[Collection(nameof(ServiceManagerTests))]
[CollectionDefinition(nameof(ServiceManagerTests), DisableParallelization = true)]
public sealed class ServiceManagerTests : IDisposable
{
    private const string Variable = "NOTIFY_SOCKET";
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);
    private static readonly FileWatchTiming Quick = new(TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));

    private readonly TempFolder _folder = new();

    public ServiceManagerTests()
    {
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("firewall.json", """
            { "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0"], "Logging": { "LogLevel": { "Default": "None" } } } }
            """);
        Environment.SetEnvironmentVariable(Variable, _folder["notify"]);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Variable, null);
        _folder.Dispose();
    }

    [Fact]
    public async Task It_is_told_that_the_appliance_is_ready_that_it_reloads_and_that_it_stops()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix datagram sockets");
        using Socket socket = Listen();
        using IHost host = Host();
        await host.StartAsync();
        Assert.Equal("READY=1\nSTATUS=policy 1 in force", Receive(socket));
        _folder.Write("rules.json", SampleFiles.Allow("allow-web", 443));
        while (true)
        {
            Assert.Matches(@"^RELOADING=1\nMONOTONIC_USEC=\d+$", Receive(socket));
            if (Receive(socket) == "READY=1\nSTATUS=policy 2 in force") break;
        }

        await host.StopAsync();
        WaitForTheStop(socket);
    }

    [Fact]
    public async Task Where_nobody_listens_the_appliance_runs_all_the_same_and_tells_it_when_somebody_does()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix datagram sockets");
        using IHost host = Host();
        await host.StartAsync();
        using Socket socket = Listen();
        await host.StopAsync();
        WaitForTheStop(socket);
    }

    // The socket's timeout ends it if the message never comes.
    private static void WaitForTheStop(Socket socket)
    {
        while (!Receive(socket).StartsWith("STOPPING=1", StringComparison.Ordinal))
        {
        }
    }

    private Socket Listen()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = (int)Guard.TotalMilliseconds };
        socket.Bind(new UnixDomainSocketEndPoint(_folder["notify"]));
        return socket;
    }

    private static string Receive(Socket socket)
    {
        byte[] datagram = new byte[512];
        return Encoding.UTF8.GetString(datagram, 0, socket.Receive(datagram));
    }

    private IHost Host()
    {
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        return ApplianceHost.Create(loader, loader.Load(), _ => new TestPlatform(), new StartMode(TakeOver: false), Quick);
    }
}
