using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Engine;

namespace Firewall.Commands.Replay;

/// <summary>What a replay found, in numbers.</summary>
/// <param name="Capture">The capture's name.</param>
/// <param name="Records">Frames read from the capture.</param>
/// <param name="NotIp">Frames without an IP packet; they get no verdict.</param>
/// <param name="Counters">Packets by access and reason.</param>
/// <param name="FlowsCreated">Flow records made.</param>
/// <param name="FlowsPeak">The most flow records at once.</param>
internal sealed record ReplaySummary(string Capture, long Records, long NotIp, EngineCounters Counters, long FlowsCreated, int FlowsPeak)
{
    /// <summary>Frames with an IP packet.</summary>
    public long Packets => Counters.AllowedPackets + Counters.DeniedPackets;

    /// <summary>Prints the summary.</summary>
    public void Write(TextWriter writer, OutputFormat format)
    {
        if (format == OutputFormat.Json) WriteJson(writer);
        else WriteText(writer);
        writer.Flush();
    }

    private void WriteJson(TextWriter writer)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("packets"u8, Packets);
            json.WriteNumber("allowed"u8, Counters.AllowedPackets);
            json.WriteNumber("denied"u8, Counters.DeniedPackets);
            json.WriteStartObject("reasons"u8);
            foreach ((VerdictReason reason, long count) in Reasons()) json.WriteNumber(reason.ToString(), count);
            json.WriteEndObject();
            json.WriteStartObject("flows"u8);
            json.WriteNumber("created"u8, FlowsCreated);
            json.WriteNumber("peak"u8, FlowsPeak);
            json.WriteEndObject();
            json.WriteNumber("records"u8, Records);
            json.WriteNumber("notIp"u8, NotIp);
            json.WriteEndObject();
        }

        writer.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    private void WriteText(TextWriter writer)
    {
        IEnumerable<string> reasons = Reasons().OrderByDescending(r => r.Count).Select(r => $"{r.Reason} {Text(r.Count)}");
        writer.WriteLine($"{Capture}: {Text(Packets)} IP packets in {Text(Records)} records");
        writer.WriteLine($"  allowed  {Text(Counters.AllowedPackets)}");
        writer.WriteLine($"  denied   {Text(Counters.DeniedPackets)}");
        if (Packets > 0) writer.WriteLine($"  reasons  {string.Join(", ", reasons)}");
        writer.WriteLine($"  flows    {Text(FlowsCreated)} created, {Text(FlowsPeak)} at once at most");
    }

    private IEnumerable<(VerdictReason Reason, long Count)> Reasons() => Enum.GetValues<VerdictReason>()
        .Select(r => (Reason: r, Count: Counters.Allowed(r) + Counters.Denied(r)))
        .Where(r => r.Count > 0);

    private static string Text(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
