using System.Collections;
using System.Net;
using System.Net.Sockets;
using Firewall.Admin.Remote;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Hosting;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Metrics and health by TCP: for anybody, and for all of them.</summary>
public sealed class MetricsListenerTests : IAsyncLifetime
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _patience = new(Guard);
    private readonly int _port = FreePort.Next();
    private readonly HttpClient _http;
    private IHost? _host;

    public MetricsListenerTests() => _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}"), Timeout = Guard };

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a platform like Linux");
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("firewall.json", $$"""
            {
              "Firewall": {
                "Rules": "rules.json", "Interfaces": ["eth0"], "Admin": { "Socket": "none", "Metrics": "127.0.0.1:{{_port}}" },
                "Logging": { "LogLevel": { "Default": "None" } }
              }
            }
            """);
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        var quick = new FileWatchTiming(TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));
        _host = ApplianceHost.Create(loader, loader.Load(), _ => new TestPlatform(), new StartMode(false), quick);
        await _host.StartAsync();
        await FreePort.ListensAsync(_port, _patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.StopAsync();
        _host?.Dispose();
        _http.Dispose();
        _patience.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task There_are_metrics_and_health_and_nothing_else()
    {
        Assert.Contains("firewall_flows 0\n", await _http.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync("/healthz")).StatusCode);
        foreach (string path in (string[])["/v1/status", "/v1/flows", "/v1/rules", "/openapi.json", "/v1/flows/kill?all=true"])
        {
            using HttpResponseMessage missing = await _http.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
            Assert.Contains("; there are /metrics, /healthz, /readyz\"", await missing.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.NotFound, (await _http.PostAsync(path, null)).StatusCode);
        }
    }

    [Fact]
    public async Task Any_number_of_idle_connections_keep_nobody_out()
    {
        var idlers = new List<Socket>();
        try
        {
            for (int i = 0; i < 3 * TcpPlaces.MostOfStrangers; i++)
            {
                var idler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                idlers.Add(idler);
                await idler.ConnectAsync(IPAddress.Loopback, _port, _patience.Token);
                // Before one of the idlers is sent away because he says nothing.
                if (i % TcpPlaces.MostOfStrangers != TcpPlaces.MostOfStrangers - 1) continue;
                using var scrape = new HttpClient { BaseAddress = _http.BaseAddress, Timeout = Guard };
                Assert.Equal(HttpStatusCode.OK, (await scrape.GetAsync("/healthz")).StatusCode);
            }
        }
        finally
        {
            foreach (Socket idler in idlers) idler.Dispose();
        }
    }
}
