using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Admin.Flows;

/// <summary>Writes flows as JSON objects with the names of <see cref="FlowEntry"/>. A million of them leave no garbage behind.</summary>
internal sealed class FlowJsonWriter : IDisposable
{
    private static readonly JsonEncodedText[] s_directions = [.. Enum.GetNames<TrafficDirection>().Select(n => JsonEncodedText.Encode(n))];

    private readonly RuleCatalog _catalog;
    private readonly Utf8JsonWriter _json;
    private readonly byte[] _address = new byte[64];

    /// <summary>Writes to that buffer.</summary>
    public FlowJsonWriter(IBufferWriter<byte> output, RuleCatalog catalog)
    {
        _catalog = catalog;
        _json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>Writes one flow.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="now">Milliseconds of the workers' clock.</param>
    public void Write(in FlowRecord flow, long now)
    {
        var view = new FlowView(flow);
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("protocol"u8, flow.Protocol);
        bool isIcmp = flow.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;
        bool hasPorts = IpProtocol.HasPorts(flow.Protocol);
        _json.WriteString("source"u8, Format(view.Source));
        if (hasPorts) _json.WriteNumber("sourcePort"u8, view.SourcePort);
        _json.WriteString("destination"u8, Format(view.Destination));
        if (hasPorts) _json.WriteNumber("destinationPort"u8, view.DestinationPort);
        if (isIcmp)
        {
            _json.WriteNumber("icmpType"u8, view.DestinationPort);
            _json.WriteNumber("icmpIdentifier"u8, view.SourcePort);
        }

        _json.WriteString("direction"u8, s_directions[Math.Min(flow.Direction, s_directions.Length - 1)]);
        _json.WriteString("state"u8, FlowView.StateOf(flow));
        _json.WriteBoolean("assured"u8, (flow.Flags & FlowFlags.Assured) != 0);
        RuleIdentity? rule = _catalog[flow.Rule];
        _json.WriteString("securityGroup"u8, rule?.SecurityGroup);
        _json.WriteString("rule"u8, rule?.FlowLogName);
        _json.WriteNumber("packetsSent"u8, flow.ForwardPackets);
        _json.WriteNumber("bytesSent"u8, flow.ForwardBytes);
        _json.WriteNumber("packetsReceived"u8, flow.ReplyPackets);
        _json.WriteNumber("bytesReceived"u8, flow.ReplyBytes);
        _json.WriteNumber("ageSeconds"u8, Seconds((uint)now - flow.Started));
        _json.WriteNumber("idleSeconds"u8, Seconds((uint)now - flow.LastSeen));
        _json.WriteNumber("expiresInSeconds"u8, Seconds(flow.Deadline - (uint)now));
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    // The worker's clock may be a little ahead of ours.
    private static double Seconds(uint milliseconds) => Math.Max(0, unchecked((int)milliseconds)) / 1000.0;

    private ReadOnlySpan<byte> Format(IpAddress address) => _address.AsSpan(0, address.FormatUtf8(_address));
}
