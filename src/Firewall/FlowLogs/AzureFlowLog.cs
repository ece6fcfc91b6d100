using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>
/// What Azure's two formats share: tuples are gathered rule by rule and become a record at the end of the interval, or before if there are many.
/// </summary>
internal abstract class AzureFlowLog(FlowLogWriter writer, RuleCatalog catalog) : IFlowLogFormat
{
    // A record is one write, and no reader shall find a long one unfinished.
    private const int LongestTuples = 192 << 10;

    private readonly Dictionary<int, Tuples> _rules = [];
    private readonly Stack<Tuples> _free = [];
    private readonly ArrayBufferWriter<byte> _block = new();
    private int _gathered;
    private long _last;
    private long _number;
    private long _reached;

    /// <inheritdoc/>
    public void Add(in FlowLogEntry entry)
    {
        _number = entry.Number;
        if (!Takes(entry)) return;
        if (!_rules.TryGetValue(entry.Rule, out Tuples? rule))
        {
            rule = _free.TryPop(out Tuples? free) ? free : new Tuples();
            _rules.Add(entry.Rule, rule);
        }

        if (rule.Count > 0) rule.Text.Write(","u8);
        int length = Write(rule.Text.GetSpan(FlowTuple.Longest), entry);
        rule.Text.Advance(length);
        rule.Count++;
        _gathered += length + 1;
        _last = Math.Max(_last, entry.Time);
        if (_gathered >= LongestTuples) EndInterval(DateTimeOffset.FromUnixTimeMilliseconds(_last));
    }

    /// <inheritdoc/>
    public void Pass(long number) => _number = number;

    /// <inheritdoc/>
    public void EndTurn()
    {
    }

    /// <inheritdoc/>
    public void EndInterval(DateTimeOffset now)
    {
        if (_rules.Count > 0) WriteRecords(now, [.. _rules.OrderBy(r => r.Key).Select(r => new RuleTuples(catalog[r.Key], r.Value.Count, r.Value.Text.WrittenMemory))]);
        if (_number > _reached) writer.Reach(_reached = _number);
        foreach (Tuples tuples in _rules.Values)
        {
            tuples.Count = 0;
            tuples.Text.ResetWrittenCount();
            _free.Push(tuples);
        }

        _rules.Clear();
        _gathered = 0;
        _last = 0;
    }

    /// <summary>True if the format has a way to write that entry.</summary>
    protected abstract bool Takes(in FlowLogEntry entry);

    /// <summary>Writes an entry as a tuple, in quotes.</summary>
    protected abstract int Write(Span<byte> text, in FlowLogEntry entry);

    /// <summary>Makes records of an interval's tuples and posts each.</summary>
    protected abstract void WriteRecords(DateTimeOffset now, IReadOnlyList<RuleTuples> rules);

    /// <summary>Posts a record to the file of its hour.</summary>
    /// <param name="path">The file, from the log's folder on.</param>
    /// <param name="entries">Tuples in the record.</param>
    /// <param name="parts">The record's JSON.</param>
    protected void Post(string path, int entries, params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        _block.ResetWrittenCount();
        _block.Write(BlockFile.Head);
        foreach (ReadOnlyMemory<byte> part in parts) _block.Write(part.Span);
        _block.Write(BlockFile.Tail);
        writer.Post(path, _block.WrittenSpan, entries);
    }

    /// <summary>JSON text as bytes.</summary>
    protected static ReadOnlyMemory<byte> Text(string json) => Encoding.UTF8.GetBytes(json);

    /// <summary>A string of JSON, in quotes.</summary>
    protected static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    /// <summary>A time as Azure writes it, in quotes.</summary>
    protected static string Quote(DateTimeOffset time) =>
        time.UtcDateTime.ToString("'\"'yyyy-MM-dd'T'HH:mm:ss.fffffff'Z\"'", CultureInfo.InvariantCulture);

    /// <summary>The tuples of one rule in an interval.</summary>
    /// <param name="Rule">The rule; null if it is not known.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Text">In quotes, with commas between; until the next interval.</param>
    protected readonly record struct RuleTuples(RuleIdentity? Rule, int Count, ReadOnlyMemory<byte> Text);

    private sealed class Tuples
    {
        public readonly ArrayBufferWriter<byte> Text = new();
        public int Count;
    }
}
