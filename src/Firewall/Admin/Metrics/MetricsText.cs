using System.Globalization;
using System.Text;

namespace Firewall.Admin.Metrics;

/// <summary>Metrics in Prometheus' text format 0.0.4.</summary>
internal static class MetricsText
{
    /// <summary>Its content type.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Writes metrics.</summary>
    public static string Of(IEnumerable<MetricFamily> families)
    {
        var text = new StringBuilder(16 * 1024);
        foreach (MetricFamily family in families)
        {
            text.Append("# HELP ").Append(family.Name).Append(' ').Append(family.Help).Append('\n');
            text.Append("# TYPE ").Append(family.Name).Append(family.IsCounter ? " counter\n" : " gauge\n");
            foreach (MetricSample sample in family.Samples) Append(text, family.Name, sample);
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, string name, MetricSample sample)
    {
        text.Append(name);
        char before = '{';
        foreach ((string label, string value) in sample.Labels)
        {
            text.Append(before).Append(label).Append("=\"").Append(Escape(value)).Append('"');
            before = ',';
        }

        if (sample.Labels.Count > 0) text.Append('}');
        text.Append(' ').Append(sample.Value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
