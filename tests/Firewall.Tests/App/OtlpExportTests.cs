using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Firewall.Admin.Metrics;
using Firewall.Control.Configuration;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>What a collector gets by OTLP is what Prometheus would read, in OpenTelemetry's form.</summary>
public sealed class OtlpExportTests : IDisposable
{
    // opentelemetry-proto, metrics/v1/metrics.proto.
    private const int ResourceMetrics = 1, Resource = 1, ScopeMetrics = 2, Metric = 2, Attributes = 7, AsDouble = 4;
    private const int Name = 1, Unit = 3, Gauge = 5, Sum = 7, Points = 1, Temporality = 2, IsMonotonic = 3, Cumulative = 2;

    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);

    private readonly HttpListener _listener = new();
    private readonly Channel<(string Headers, byte[] Body)> _requests = Channel.CreateUnbounded<(string, byte[])>();
    private readonly RecordingLogger _logger = new();
    private readonly string _address;
    private volatile int _answer = 200;
    private double _value = 7;

    public OtlpExportTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the listener is the system's own there, and needs rights");
        using (var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _address = $"http://{free.LocalEndPoint}";
        }

        _listener.Prefixes.Add(_address + "/v1/metrics/");
        _listener.Start();
        _ = Serve();
    }

    public void Dispose() => _listener.Close();

    [Fact]
    public async Task Counters_and_gauges_arrive_with_their_labels_and_go_on()
    {
        using OtlpExport export = Export();
        (string headers, byte[] body) = await Next();
        Assert.Equal("application/x-protobuf Bearer 4711", headers);
        OtlpMessage resource = new OtlpMessage(body).Message(ResourceMetrics);
        Assert.Equal("firewall", Labels(resource.Message(Resource), 1)["service.name"]);
        Assert.Equal($"{Environment.MachineName}/fw0", Labels(resource.Message(Resource), 1)["service.instance.id"]);
        Assert.Equal((7.0, true, "deny Rule"), Packets(body));
        OtlpMessage gauge = MetricOf(body, "firewall.start_time");
        Assert.Equal("s", gauge.Text(Unit));
        Assert.Equal(1.5, gauge.Message(Gauge).Message(Points).Double(AsDouble));
        Volatile.Write(ref _value, 9);
        while (Packets((await Next()).Body) != (9.0, true, "deny Rule"))
        {
        }
    }

    [Fact]
    public async Task A_collector_that_refuses_is_told_once_and_so_is_that_it_takes_them_again()
    {
        _answer = 503;
        using OtlpExport export = Export();
        for (int i = 0; i < 3; i++) await Next();
        Assert.Equal($"Warning Metrics cannot be sent to {_address}/v1/metrics (it answers 503 Service Unavailable); they are tried again at every interval", Assert.Single(_logger.Lines));
        _answer = 200;
        for (int i = 0; i < 3; i++) await Next();
        Assert.Equal($"Information Metrics are sent to {_address}/v1/metrics again", Assert.Single(_logger.Lines.Skip(1)));
    }

    [Theory]
    [InlineData("firewall_packets_total", true, "firewall.packets", null)]
    [InlineData("firewall_bytes_total", true, "firewall.bytes", "By")]
    [InlineData("firewall_rule_bytes_total", true, "firewall.rule_bytes", "By")]
    [InlineData("firewall_queue_busy_seconds_total", true, "firewall.queue_busy", "s")]
    [InlineData("process_resident_memory_bytes", false, "process.resident_memory_bytes", "By")]
    [InlineData("firewall_flows", false, "firewall.flows", null)]
    public void Names_have_OpenTelemetrys_form(string prometheus, bool isCounter, string name, string? unit) =>
        Assert.Equal((name, unit), OtlpExport.NameOf(new MetricFamily(prometheus, isCounter, "", [])));

    private static (double Value, bool IsCumulativeSum, string Labels) Packets(byte[] body)
    {
        OtlpMessage sum = MetricOf(body, "firewall.packets").Message(Sum);
        OtlpMessage point = sum.Message(Points);
        return (point.Double(AsDouble), sum.Number(Temporality) == Cumulative && sum.Number(IsMonotonic) == 1, string.Join(' ', Labels(point, Attributes).OrderBy(l => l.Key).Select(l => l.Value)));
    }

    private static OtlpMessage MetricOf(byte[] body, string name) =>
        Assert.Single(new OtlpMessage(body).Message(ResourceMetrics).Messages(ScopeMetrics).SelectMany(scope => scope.Messages(Metric)), metric => metric.Text(Name) == name);

    private static Dictionary<string, string> Labels(OtlpMessage of, int field) => of.Messages(field).ToDictionary(label => label.Text(1), label => label.Message(2).Text(1));

    private OtlpExport Export() => new(
        new OtlpSettings { Endpoint = new Uri(_address + "/v1/metrics"), Interval = TimeSpan.FromMilliseconds(200), Headers = "authorization=Bearer 4711" },
        "fw0",
        () =>
        [
            new MetricFamily("firewall_packets_total", true, "Packets.", [new MetricSample(Volatile.Read(ref _value), [("access", "deny"), ("reason", "Rule")])]),
            new MetricFamily("firewall_start_time_seconds", false, "When.", [new MetricSample(1.5, [])]),
        ],
        _logger);

    private async Task<(string Headers, byte[] Body)> Next() => await _requests.Reader.ReadAsync().AsTask().WaitAsync(Guard);

    private async Task Serve()
    {
        while (_listener.IsListening)
        {
            try
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                context.Response.StatusCode = _answer;
                context.Response.Close();
                await _requests.Writer.WriteAsync(($"{context.Request.ContentType} {context.Request.Headers["authorization"]}", body.ToArray()));
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
