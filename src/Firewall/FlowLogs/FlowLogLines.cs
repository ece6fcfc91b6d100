using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>Entries as JSON objects, one a line, for log shippers: within a second, and with names instead of columns.</summary>
internal sealed class FlowLogLines : IFlowLogFormat, IDisposable
{
    private const int LongestPost = 64 << 10;
    private static readonly string[] s_states = Enum.GetNames<FlowLogState>();
    private static readonly string[] s_directions = Enum.GetNames<RuleDirection>();

    private readonly FlowLogWriter _writer;
    private readonly RuleCatalog _catalog;
    private readonly string _path;
    private readonly bool _allProtocols;
    private readonly ArrayBufferWriter<byte> _text = new(LongestPost * 2);
    private readonly Utf8JsonWriter _json;
    private readonly byte[] _address = new byte[IpAddress.LongestText];
    private int _entries;
    private long _number;
    private long _reached;

    /// <summary>Makes it.</summary>
    /// <param name="writer">Where lines go.</param>
    /// <param name="catalog">Names of rules.</param>
    /// <param name="path">The writer's name for the file.</param>
    /// <param name="allProtocols">False: TCP and UDP alone, as in Azure.</param>
    public FlowLogLines(FlowLogWriter writer, RuleCatalog catalog, string path, bool allProtocols)
    {
        _writer = writer;
        _catalog = catalog;
        _path = path;
        _allProtocols = allProtocols;
        _json = new Utf8JsonWriter(_text, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <inheritdoc/>
    public void Add(in FlowLogEntry entry)
    {
        _number = entry.Number;
        bool hasPorts = IpProtocol.HasPorts(entry.Protocol);
        if (!hasPorts && !_allProtocols) return;
        RuleIdentity? rule = _catalog[entry.Rule];
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteString("time"u8, DateTimeOffset.FromUnixTimeMilliseconds(entry.Time).UtcDateTime);
        _json.WriteString("state"u8, s_states[(int)entry.State]);
        _json.WriteNumber("protocol"u8, entry.Protocol);
        _json.WriteString("source"u8, Format(entry.Source));
        if (hasPorts) _json.WriteNumber("sourcePort"u8, entry.SourcePort);
        _json.WriteString("destination"u8, Format(entry.Destination));
        if (hasPorts) _json.WriteNumber("destinationPort"u8, entry.DestinationPort);
        if (entry.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6)
        {
            _json.WriteNumber("icmpType"u8, entry.DestinationPort);
            _json.WriteNumber("icmpIdentifier"u8, entry.SourcePort);
        }

        _json.WriteString("direction"u8, s_directions[(int)entry.Direction]);
        _json.WriteString("securityGroup"u8, rule?.SecurityGroup);
        _json.WriteString("rule"u8, rule?.FlowLogName);
        _json.WriteNumber("packetsSent"u8, entry.Traffic.PacketsSent);
        _json.WriteNumber("bytesSent"u8, entry.Traffic.BytesSent);
        _json.WriteNumber("packetsReceived"u8, entry.Traffic.PacketsReceived);
        _json.WriteNumber("bytesReceived"u8, entry.Traffic.BytesReceived);
        _json.WriteEndObject();
        _json.Flush();
        _text.Write("\n"u8);
        _entries++;
        if (_text.WrittenCount >= LongestPost) EndTurn();
    }

    /// <inheritdoc/>
    public void Pass(long number) => _number = number;

    /// <inheritdoc/>
    public void EndTurn()
    {
        if (_entries > 0) _writer.Post(_path, _text.WrittenSpan, _entries);
        if (_number > _reached) _writer.Reach(_reached = _number);
        _text.ResetWrittenCount();
        _entries = 0;
    }

    /// <inheritdoc/>
    public void EndInterval(DateTimeOffset now) => EndTurn();

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private ReadOnlySpan<byte> Format(IpAddress address) => _address.AsSpan(0, address.FormatUtf8(_address));
}
