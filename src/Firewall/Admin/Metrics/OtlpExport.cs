using System.Diagnostics.Metrics;
using Firewall.Commands;
using Firewall.Control.Configuration;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Firewall.Admin.Metrics;

/// <summary>
/// Sends the appliance's metrics to an OpenTelemetry collector, by OTLP over HTTP. Names are those of Prometheus in OpenTelemetry's form: a
/// collector that turns them back has the same ones. A collector that is away or hangs costs its own figures and a line of the log.
/// </summary>
internal sealed class OtlpExport : IDisposable
{
    private const string Scope = "firewall";
    private const int LongestRequest = 2_000;

    // As many rules as a large set of groups has; more are summed up by the library under one label.
    private const int MostRules = 10_000;
    private const long SameMoment = 500;

    private readonly Func<IReadOnlyList<MetricFamily>> _metrics;
    private readonly Meter _meter = new(Scope, ProgramVersion.Text);
    private readonly MeterProvider _provider;
    private Dictionary<string, MetricFamily> _now = [];
    private long _time = long.MinValue / 2;

    /// <summary>Begins to send.</summary>
    /// <param name="settings">Where and how often.</param>
    /// <param name="device">The device's name.</param>
    /// <param name="metrics">All metrics of now; called on a thread of its own.</param>
    /// <param name="logger">For failures.</param>
    public OtlpExport(OtlpSettings settings, string device, Func<IReadOnlyList<MetricFamily>> metrics, ILogger logger)
    {
        _metrics = metrics;
        _provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.Clear().AddService(Scope, serviceVersion: ProgramVersion.Text, serviceInstanceId: $"{Environment.MachineName}/{device}"))
            .AddMeter(Scope)
            .AddView("firewall.rule*", new MetricStreamConfiguration { CardinalityLimit = MostRules })
            .AddOtlpExporter((exporter, reader) =>
            {
                exporter.Endpoint = settings.Endpoint!;
                exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
                if (settings.Headers is not null) exporter.Headers = settings.Headers;
                exporter.TimeoutMilliseconds = LongestRequest;
                exporter.HttpClientFactory = () => new HttpClient(new OtlpWatch(logger)) { Timeout = TimeSpan.FromMilliseconds(LongestRequest) };
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)settings.Interval.TotalMilliseconds;
                reader.PeriodicExportingMetricReaderOptions.ExportTimeoutMilliseconds = LongestRequest;
            })
            .Build();
        foreach (MetricFamily family in metrics()) Observe(family);
    }

    /// <summary>The name and unit that OpenTelemetry has for a metric of Prometheus.</summary>
    public static (string Name, string? Unit) NameOf(MetricFamily family)
    {
        string name = family.IsCounter && family.Name.EndsWith("_total", StringComparison.Ordinal) ? family.Name[..^"_total".Length] : family.Name;
        string? unit = name.EndsWith("_bytes", StringComparison.Ordinal) ? "By" : null;
        if (name.EndsWith("_seconds", StringComparison.Ordinal)) (name, unit) = (name[..^"_seconds".Length], "s");
        int first = name.IndexOf('_', StringComparison.Ordinal);
        return ($"{name[..first]}.{name[(first + 1)..]}", unit);
    }

    /// <summary>Sends a last time, if that does not take too long, and ends.</summary>
    public void Dispose()
    {
        _provider.Dispose();
        _meter.Dispose();
    }

    private void Observe(MetricFamily family)
    {
        (string name, string? unit) = NameOf(family);
        if (family.IsCounter) _meter.CreateObservableCounter(name, () => Measure(family.Name), unit, family.Help);
        else _meter.CreateObservableGauge(name, () => Measure(family.Name), unit, family.Help);
    }

    // The library asks for one metric after the other; all are of the same moment.
    private IEnumerable<Measurement<double>> Measure(string family)
    {
        if (Environment.TickCount64 - _time > SameMoment)
        {
            _now = _metrics().ToDictionary(f => f.Name, StringComparer.Ordinal);
            _time = Environment.TickCount64;
        }

        return _now.TryGetValue(family, out MetricFamily? found)
            ? found.Samples.Select(s => new Measurement<double>(s.Value, s.Labels.Select(label => new KeyValuePair<string, object?>(label.Name, label.Value))))
            : [];
    }
}
