using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Commands.Replay;

/// <summary>
/// Writes one JSON object a line for each packet (design: contracts, <c>replay --verdicts</c>). Only whole lines ever reach the stream.
/// </summary>
/// <remarks>
/// What was not read from the packet is null: the addresses and the protocol of a packet that is malformed before them, the ports of a
/// malformed TCP or UDP header and of a fragment that is not the first. The ports of protocols that have none are 0.
/// </remarks>
internal sealed class VerdictLineWriter : IDisposable
{
    private const int FlushAt = 60 * 1024;
    private const long LongestHeldMilliseconds = 200;

    private static readonly JsonEncodedText[] Directions = Names<TrafficDirection>();
    private static readonly JsonEncodedText[] Reasons = Names<VerdictReason>();
    private static readonly JsonEncodedText[] Accesses = Names<Access>();
    private static readonly JsonEncodedText[] Details = Names<MalformedReason>();

    private readonly ArrayBufferWriter<byte> _lines = new(FlushAt + 4096);
    private readonly Utf8JsonWriter _json;
    private readonly Stream _stream;
    private readonly RuleCatalog _catalog;
    private readonly List<JsonEncodedText?> _ruleNames = [];
    private readonly byte[] _time = new byte[32];
    private readonly byte[] _address = new byte[64];
    private long _second = long.MinValue;
    private int _secondLength;
    private long _lastFlush = Environment.TickCount64;

    /// <summary>Writes to the stream, which stays open.</summary>
    public VerdictLineWriter(Stream stream, RuleCatalog catalog)
    {
        _stream = stream;
        _catalog = catalog;
        // Names of rules come as they were written, not as \u escapes: the lines are read by programs, never put into a page.
        _json = new Utf8JsonWriter(_lines, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>Writes a line.</summary>
    /// <param name="number">The packet's 1-based number in the capture.</param>
    /// <param name="nanoseconds">Its time, in nanoseconds since 1970 (UTC).</param>
    /// <param name="info">What was read of it.</param>
    /// <param name="verdict">What was decided.</param>
    public void Write(long number, long nanoseconds, in PacketInfo info, in Verdict verdict)
    {
        bool isMalformed = verdict.Reason == VerdictReason.Malformed;
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("packet"u8, number);
        _json.WriteString("time"u8, FormatTime(nanoseconds));
        if (verdict.Direction == TrafficDirection.Unknown) _json.WriteNull("direction"u8);
        else _json.WriteString("direction"u8, Directions[(int)verdict.Direction]);
        WriteEndpoints(info, verdict.Malformed);
        _json.WriteString("access"u8, Accesses[(int)verdict.Access]);
        _json.WriteString("reason"u8, Reasons[(int)verdict.Reason]);
        if (isMalformed) _json.WriteString("detail"u8, Details[(int)verdict.Malformed]);
        if (RuleName(verdict.Rule) is { } rule) _json.WriteString("rule"u8, rule);
        else _json.WriteNull("rule"u8);
        _json.WriteEndObject();
        _json.Flush();
        _lines.Write("\n"u8);
        if (_lines.WrittenCount >= FlushAt || Environment.TickCount64 - _lastFlush > LongestHeldMilliseconds) Flush();
    }

    /// <summary>Hands all lines to the stream.</summary>
    public void Flush()
    {
        // Forgotten first: if the stream fails, what it took must not be written twice by a later flush.
        ReadOnlyMemory<byte> lines = _lines.WrittenMemory;
        _lines.ResetWrittenCount();
        if (lines.Length > 0) _stream.Write(lines.Span);
        _stream.Flush();
        _lastFlush = Environment.TickCount64;
    }

    /// <summary>Does not flush: after a failed write there is nothing left to do.</summary>
    public void Dispose() => _json.Dispose();

    private void WriteEndpoints(in PacketInfo info, MalformedReason malformed)
    {
        bool isMalformed = malformed != MalformedReason.None;
        if (isMalformed && info.Source == default && info.Destination == default)
        {
            foreach (ReadOnlySpan<char> name in (string[])["protocol", "source", "sourcePort", "destination", "destinationPort"]) _json.WriteNull(name);
            return;
        }

        bool hasPorts = IpProtocol.HasPorts(info.Protocol);
        // A malformed header may have been read half; ports of zero then mean that they were not reached, unless they are what is wrong.
        bool unread = isMalformed && malformed != MalformedReason.PortZero && info.SourcePort == 0 && info.DestinationPort == 0;
        bool unknown = hasPorts && (info.IsLaterFragment || unread);
        _json.WriteNumber("protocol"u8, info.Protocol);
        _json.WriteString("source"u8, FormatAddress(info.Source));
        WritePort("sourcePort"u8, hasPorts ? info.SourcePort : (ushort)0, unknown);
        _json.WriteString("destination"u8, FormatAddress(info.Destination));
        WritePort("destinationPort"u8, hasPorts ? info.DestinationPort : (ushort)0, unknown);
    }

    private void WritePort(ReadOnlySpan<byte> name, ushort port, bool unknown)
    {
        if (unknown) _json.WriteNull(name);
        else _json.WriteNumber(name, port);
    }

    private ReadOnlySpan<byte> FormatAddress(IpAddress address) => _address.AsSpan(0, address.FormatUtf8(_address));

    // ISO 8601 with six digits of a second; nine if it has nanoseconds beyond. Neighbours share the second, which is the costly part.
    private ReadOnlySpan<byte> FormatTime(long nanoseconds)
    {
        (long second, long fraction) = Math.DivRem(nanoseconds, 1_000_000_000);
        if (fraction < 0)
        {
            second--;
            fraction += 1_000_000_000;
        }

        if (second != _second)
        {
            string text = DateTimeOffset.FromUnixTimeSeconds(second).ToString("yyyy-MM-dd'T'HH:mm:ss'.'", CultureInfo.InvariantCulture);
            _secondLength = Encoding.ASCII.GetBytes(text, _time);
            _second = second;
        }

        bool beyond = fraction % 1000 != 0;
        long value = beyond ? fraction : fraction / 1000;
        int digits = beyond ? 9 : 6;
        for (int i = _secondLength + digits - 1; i >= _secondLength; i--)
        {
            _time[i] = (byte)('0' + (value % 10));
            value /= 10;
        }

        _time[_secondLength + digits] = (byte)'Z';
        return _time.AsSpan(0, _secondLength + digits + 1);
    }

    private JsonEncodedText? RuleName(int number)
    {
        if (number == RuleCatalog.None) return null;
        while (_ruleNames.Count <= number)
        {
            RuleIdentity? rule = _catalog[_ruleNames.Count];
            _ruleNames.Add(rule is null ? null : JsonEncodedText.Encode(rule.FlowLogName, JavaScriptEncoder.UnsafeRelaxedJsonEscaping));
        }

        return _ruleNames[number];
    }

    private static JsonEncodedText[] Names<T>()
        where T : struct, Enum => [.. Enum.GetNames<T>().Select(n => JsonEncodedText.Encode(n))];
}
