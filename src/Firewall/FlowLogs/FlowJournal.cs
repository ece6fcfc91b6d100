using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Firewall.Core.Flows;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Firewall.FlowLogs;

/// <summary>
/// What a killed process would take with it, as a file beside the flow table's: entries that are not yet in every log, and what the last entry
/// of each flow said. All of it is written by plain calls, so that a full file system is an error and not the end of the process.
/// One thread at a time; <see cref="Reached"/> may be called by any.
/// </summary>
/// <remarks>
/// A page of head (see <see cref="FlowJournalHead"/>), a ring of <see cref="Capacity"/> records, then the flows' last entries by the place of their record. A record
/// is there before the head counts it, and names the flow and all that it had carried: so the last entries behind the ring may be older than it.
/// </remarks>
internal sealed partial class FlowJournal : IDisposable
{
    /// <summary>How many entries may wait for a log. Those beyond are written to the logs all the same, but would not outlive a kill.</summary>
    internal const int Capacity = 1 << 16;

    // Records of one shard that lie together, so that what a walk meets in a row is one call.
    private const int Block = 1024;
    private const int MostBuffered = 512;

    private static readonly int s_recordSize = Unsafe.SizeOf<FlowJournalRecord>();
    private static readonly int s_baselineSize = Unsafe.SizeOf<FlowBaseline>();
    private static readonly long s_baselinesAt = FlowJournalHead.Size + ((long)Capacity * s_recordSize);

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly int _shards;
    private readonly ILogger _logger;
    private readonly List<FlowJournalRecord> _records = new(MostBuffered);
    private readonly List<FlowBaseline> _baselines = new(MostBuffered);
    private readonly List<long> _places = new(MostBuffered);
    private readonly long[] _reached = new long[FlowJournalHead.Kinds];
    private long _head;
    private volatile bool _hasFailed;
    private int _isTold;

    private FlowJournal(SafeFileHandle file, string path, int shards, ILogger logger)
    {
        _file = file;
        _path = path;
        _shards = shards;
        _logger = logger;
    }

    /// <summary>Its path.</summary>
    /// <param name="flows">The flow table's.</param>
    public static string PathOf(string flows) => flows + ".told";

    /// <summary>Makes an empty one beside its place; <see cref="Publish"/> puts it there.</summary>
    /// <param name="place">Where, and which start of the machine.</param>
    /// <param name="kinds">The logs that there are.</param>
    /// <param name="shards">Of the flow table.</param>
    /// <param name="logger">For what fails.</param>
    /// <returns>Null if it cannot be made, which is in the log. Then there is none in its place either: an old one would soon tell of a past that is over.</returns>
    public static FlowJournal? Create(FlowJournalPlace place, IEnumerable<FlowLogKind> kinds, int shards, ILogger logger)
    {
        string next = NextOf(place.Path);
        SafeFileHandle? file = null;
        try
        {
            File.Delete(next);
            file = File.OpenHandle(next, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            var journal = new FlowJournal(file, place.Path, shards, logger);
            Array.Fill(journal._reached, long.MaxValue);
            foreach (FlowLogKind kind in kinds) journal._reached[(int)kind] = 0;
            RandomAccess.Write(file, FlowJournalHead.Write(place.BootId, s_recordSize, s_baselineSize, 0, journal._reached), 0);
            return journal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            Remove(next);
            Remove(place.Path);
            NotKept(logger, place.Path, e.Message);
            return null;
        }
    }

    /// <summary>Puts a new one in its place, instead of any that was there: call it when what that one told is in this one.</summary>
    public void Publish()
    {
        if (_hasFailed) return;
        try
        {
            File.Move(NextOf(_path), _path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(e.Message);
        }
    }

    /// <summary>Reads what an earlier process has left.</summary>
    /// <param name="place">Where, and which start of the machine.</param>
    /// <param name="ruleOf">The number here of a rule that had that number there.</param>
    /// <returns>Null if there is nothing that can be trusted.</returns>
    public static FlowJournalState? Read(FlowJournalPlace place, Func<int, int> ruleOf)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(place.Path);
            byte[] page = new byte[FlowJournalHead.Size];
            if (RandomAccess.Read(file, page, 0) < page.Length) return null;
            if (FlowJournalHead.Read(page, place.BootId, s_recordSize, s_baselineSize) is not { } head) return null;
            var state = new FlowJournalState();
            ReadBaselines(file, state);
            var record = default(FlowJournalRecord);
            for (long number = Math.Max(head.Reached.Min(), head.Head - Capacity); number < head.Head; number++)
            {
                if (RandomAccess.Read(file, AsBytes(ref record), PlaceOf(number)) < s_recordSize) return null;
                state.Add(record with { Entry = record.Entry with { Rule = ruleOf(record.Entry.Rule) } }, [.. head.Reached.Select(reached => reached <= number)]);
            }

            return state;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Keeps an entry until every log has it.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="last">What the flow had carried then; nobody's for one that was denied.</param>
    /// <returns>The entry's number, for <see cref="Reached"/>.</returns>
    public long Append(in FlowLogEntry entry, in FlowBaseline last)
    {
        if (_hasFailed || _head + _records.Count - LeastReached() >= Capacity) return _head + _records.Count;
        _records.Add(new FlowJournalRecord { Entry = entry, Last = last });
        if (_records.Count == MostBuffered) Flush();
        return _head + _records.Count;
    }

    /// <summary>Keeps what a flow's last entry said, for as long as the flow lives.</summary>
    /// <param name="slot">The place of its record.</param>
    /// <param name="last">What it said.</param>
    public void Keep(FlowSlot slot, in FlowBaseline last)
    {
        if (_hasFailed) return;
        long index = (((((long)slot.Number / Block) * _shards) + slot.Shard) * Block) + (slot.Number % Block);
        if (_baselines.Count == MostBuffered) Flush();
        _places.Add(index);
        _baselines.Add(last);
    }

    /// <summary>Writes what was gathered. Call it often: it is what a kill takes along.</summary>
    public void Flush()
    {
        try
        {
            if (_hasFailed) return;
            Span<byte> records = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_records));
            int untilEnd = (int)Math.Min(_records.Count, Capacity - (_head % Capacity)) * s_recordSize;
            RandomAccess.Write(_file, records[..untilEnd], PlaceOf(_head));
            RandomAccess.Write(_file, records[untilEnd..], PlaceOf(0));
            if (_records.Count > 0) Write(FlowJournalHead.HeadAt, _head += _records.Count);
            for (int run = 0; run < _places.Count;) run = WriteRun(run);
        }
        catch (IOException e)
        {
            Fail(e.Message);
        }

        _records.Clear();
        _baselines.Clear();
        _places.Clear();
    }

    /// <summary>A log has all entries up to that number, or has lost and counted them. Any thread.</summary>
    public void Reached(FlowLogKind kind, long number)
    {
        Volatile.Write(ref _reached[(int)kind], number);
        try
        {
            if (!_hasFailed) Write(FlowJournalHead.ReachedAt(kind), number);
        }
        catch (IOException e)
        {
            Fail(e.Message);
        }
        catch (ObjectDisposedException)
        {
            // A log that was given up has written after all.
        }
    }

    /// <summary>Removes it: whoever comes next has nothing to make up for.</summary>
    public void Delete()
    {
        _hasFailed = true;
        Remove(NextOf(_path));
        Remove(_path);
    }

    /// <summary>Removes one that nobody will read: figures that are not up to date are worse than none.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then it is not ours, or its folder is gone.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static void ReadBaselines(SafeFileHandle file, FlowJournalState state)
    {
        FlowBaseline[] piece = new FlowBaseline[Block];
        for (long at = s_baselinesAt; ; at += Block * s_baselineSize)
        {
            int read = RandomAccess.Read(file, MemoryMarshal.AsBytes(piece.AsSpan()), at) / s_baselineSize;
            foreach (FlowBaseline last in piece.AsSpan(0, read)) state.Add(last);
            if (read < Block) return;
        }
    }

    private static string NextOf(string path) => path + ".new";

    private static long PlaceOf(long number) => FlowJournalHead.Size + (number % Capacity * s_recordSize);

    private static Span<byte> AsBytes(ref FlowJournalRecord record) => MemoryMarshal.AsBytes(new Span<FlowJournalRecord>(ref record));

    private long LeastReached()
    {
        long least = long.MaxValue;
        foreach (ref long reached in _reached.AsSpan()) least = Math.Min(least, Volatile.Read(ref reached));
        return least;
    }

    // Those whose places follow on each other in one call. Returns where the next run begins.
    private int WriteRun(int begin)
    {
        int end = begin + 1;
        while (end < _places.Count && _places[end] == _places[end - 1] + 1) end++;
        Span<byte> run = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_baselines)[begin..end]);
        RandomAccess.Write(_file, run, s_baselinesAt + (_places[begin] * s_baselineSize));
        return end;
    }

    private void Write(int at, long number) => RandomAccess.Write(_file, MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in number)), at);

    private void Fail(string why)
    {
        if (Interlocked.Exchange(ref _isTold, 1) == 0) NotKept(_logger, _path, why);
        Delete();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{File} cannot be written ({Why}); if this process is killed, its flow logs will lack what was not yet in them")]
    private static partial void NotKept(ILogger logger, string file, string why);
}
