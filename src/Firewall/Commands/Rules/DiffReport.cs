using System.Globalization;
using System.Text.Json;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;

namespace Firewall.Commands.Rules;

/// <summary>Prints what changes between two rule sets.</summary>
internal static class DiffReport
{
    private const string Opened = "Opened", Closed = "Closed";

    public static void Write(RuleSetDifference difference, OutputFormat format, CommandStreams streams)
    {
        if (format == OutputFormat.Json) JsonResult.Write(streams, json => WriteJson(json, difference));
        else WriteText(streams.Out, difference);
    }

    private static void WriteText(TextWriter writer, RuleSetDifference difference)
    {
        foreach ((string? group, TrafficChange change) in difference.Changes)
        {
            writer.WriteLine($"{Kind(change)}  {change.Region}{(group is null ? "" : $"  ({group})")}");
            writer.WriteLine(
                $"    {change.OldAccess} by {change.OldRule ?? "no rule"} becomes {change.NewAccess} by {change.NewRule ?? "no rule"}, {Direction(change)}");
            writer.WriteLine($"    for example {WitnessText.Of(change.Witness)}");
        }

        if (difference.Changes.Count == 0)
        {
            writer.WriteLine("no difference: both give every packet the same access");
            return;
        }

        int opened = difference.Changes.Count(entry => Kind(entry.Change) == Opened);
        writer.WriteLine(
            $"{PolicyChanges.Count(difference.Changes.Count, "region")} of traffic: {opened} opened, {difference.Changes.Count - opened} closed"
            + (difference.IsComplete ? "" : "; there are more, and only the first are listed"));
    }

    private static void WriteJson(Utf8JsonWriter json, RuleSetDifference difference)
    {
        json.WriteStartObject();
        json.WriteBoolean("equal"u8, difference.Changes.Count == 0);
        json.WriteBoolean("complete"u8, difference.IsComplete);
        json.WriteStartArray("changes"u8);
        foreach ((string? group, TrafficChange change) in difference.Changes)
        {
            json.WriteStartObject();
            json.WriteString("kind"u8, Kind(change));
            if (group is not null) json.WriteString("securityGroup"u8, group);
            WriteSide(json, "old"u8, change.OldAccess, change.OldRule, change.OldDirection);
            WriteSide(json, "new"u8, change.NewAccess, change.NewRule, change.NewDirection);
            WriteRegion(json, change.Region);
            JsonResult.WriteWitness(json, change.Witness);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // The rule is the one that decides the witness; other packets of the region may have others.
    private static void WriteSide(Utf8JsonWriter json, ReadOnlySpan<byte> name, Access access, string? rule, TrafficDirection direction)
    {
        json.WriteStartObject(name);
        json.WriteString("access"u8, access.ToString());
        json.WriteString("rule"u8, rule);
        json.WriteString("direction"u8, direction.ToString());
        json.WriteEndObject();
    }

    private static void WriteRegion(Utf8JsonWriter json, TrafficRegion region)
    {
        json.WriteStartObject("region"u8);
        WriteList(json, "protocols"u8, region.Protocols.Select(range => Range(range.First, range.Last)));
        WriteList(json, "sources"u8, region.Sources.Select(range => AddressRange(range.First, range.Last)));
        WriteList(json, "sourcePorts"u8, region.SourcePorts.Select(range => Range(range.First, range.Last)));
        WriteList(json, "destinations"u8, region.Destinations.Select(range => AddressRange(range.First, range.Last)));
        WriteList(json, "destinationPorts"u8, region.DestinationPorts.Select(range => Range(range.First, range.Last)));
        json.WriteBoolean("portless"u8, region.IncludesPortless);
        if (region.HasIcmpTypes)
        {
            WriteList(json, "icmpTypes"u8, region.IcmpTypes.SelectMany(range => range.ToString().Split(',')));
            json.WriteBoolean("icmpTypeless"u8, region.IncludesTypeless);
        }

        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static string Range(int first, int last) => first == last
        ? first.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{first}-{last}");

    /// <summary>A prefix if the range is one, else both ends.</summary>
    private static string AddressRange(IpAddress first, IpAddress last)
    {
        UInt128 size = last.Bits - first.Bits;
        if ((size & (size + 1)) != 0 || (first.Bits & size) != 0) return $"{first}-{last}";
        int length = (first.IsIPv4 ? 32 : 128) - (int)UInt128.PopCount(size);
        return IpPrefix.Create(first, length).ToString();
    }

    private static string Kind(TrafficChange change) => change.NewAccess == Access.Allow ? Opened : Closed;

    private static string Direction(TrafficChange change) => change.OldDirection == change.NewDirection
        ? change.NewDirection.ToString()
        : $"{change.OldDirection}, now {change.NewDirection}";
}
