using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Commands.Rules;

/// <summary>Writes results as JSON to standard output, and the pieces that several results have in common.</summary>
internal static class JsonResult
{
    private static readonly JsonWriterOptions s_options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One indented document and a newline.</summary>
    public static void Write(CommandStreams streams, Action<Utf8JsonWriter> write)
    {
        using (var json = new Utf8JsonWriter(streams.Output, s_options)) write(json);
        streams.Output.WriteByte((byte)'\n');
        streams.Output.Flush();
    }

    /// <summary>A rule's place: <c>file</c>, <c>line</c>, <c>path</c>; each only if there is one.</summary>
    public static void WriteOrigin(Utf8JsonWriter json, RuleOrigin origin)
    {
        if (!string.IsNullOrEmpty(origin.File)) json.WriteString("file"u8, origin.File);
        if (origin.Line > 0) json.WriteNumber("line"u8, origin.Line);
        if (!string.IsNullOrEmpty(origin.JsonPath)) json.WriteString("path"u8, origin.JsonPath);
    }

    /// <summary>True if the rules see a type and a code in the packet.</summary>
    public static bool HasIcmpType(in PacketInfo packet) => packet.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 && !packet.IsLaterFragment;

    /// <summary>
    /// A packet under <c>witness</c>, with the names of <c>replay --verdicts</c>. Ports only if it has some; <c>fragment</c> is true for a
    /// later fragment, whose ports or ICMP type the rules cannot see. null if there is none.
    /// </summary>
    public static void WriteWitness(Utf8JsonWriter json, PacketInfo packet)
    {
        json.WriteStartObject("witness"u8);
        json.WriteNumber("protocol"u8, packet.Protocol);
        json.WriteString("source"u8, packet.Source.ToString());
        if (packet.HasPorts) json.WriteNumber("sourcePort"u8, packet.SourcePort);
        json.WriteString("destination"u8, packet.Destination.ToString());
        if (packet.HasPorts) json.WriteNumber("destinationPort"u8, packet.DestinationPort);
        if (HasIcmpType(in packet))
        {
            json.WriteNumber("icmpType"u8, packet.IcmpType);
            json.WriteNumber("icmpCode"u8, packet.IcmpCode);
        }

        if (packet.IsLaterFragment) json.WriteBoolean("fragment"u8, true);
        json.WriteEndObject();
    }
}
