namespace Firewall.Admin.Metrics;

/// <summary>One metric with all its samples.</summary>
/// <param name="Name">As Prometheus wants it: with its unit, and <c>_total</c> at the end of a counter.</param>
/// <param name="IsCounter">True for a sum that only grows, false for a gauge.</param>
/// <param name="Help">One sentence.</param>
/// <param name="Samples">Its values.</param>
internal sealed record MetricFamily(string Name, bool IsCounter, string Help, IReadOnlyList<MetricSample> Samples);

/// <summary>One value.</summary>
/// <param name="Value">It.</param>
/// <param name="Labels">What it is of; the same names in every sample of a family.</param>
internal readonly record struct MetricSample(double Value, IReadOnlyList<(string Name, string Value)> Labels);
