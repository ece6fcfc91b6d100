using System.Net.NetworkInformation;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Logs;
using Microsoft.Extensions.Logging;

namespace Firewall.FlowLogs;

/// <summary>
/// The flow logs of an appliance: ten times a second it takes what the workers tell of flows, makes entries of it, and gives them to each
/// format. Nothing here touches a disk but the writers' own threads, and nothing at all waits on the workers' side.
/// </summary>
internal sealed partial class FlowLog : IDropWatcher, IDisposable
{
    // At 136 bytes nine megabytes; at ten turns a second half a million begins and ends a second.
    private const int RingCapacity = 65_536;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly Lock _turning = new();
    private readonly FlowCollector _collector;
    private readonly List<(FlowLogKind Kind, IFlowLogFormat Format)> _formats = [];
    private readonly LineFile _lines = new();
    private readonly List<FlowLogWriter> _writers = [];
    private readonly FlowLogSettings _settings;
    private readonly TimeProvider _time;
    private readonly Func<long> _clock;
    private readonly ILogger _logger;
    private readonly FlowLogMending? _mending;
    private readonly FlowLogRetention? _retention;
    private readonly FlowJournalPlace? _place;
    private readonly int _shards;
    private FlowJournal? _journal;
    private ITimer? _timer;
    private bool _isOver;
    private DateTimeOffset _nextRecord;

    /// <summary>Makes the logs; <see cref="Start"/> starts them.</summary>
    /// <param name="settings">What is logged where.</param>
    /// <param name="table">The flows; no worker uses it yet.</param>
    /// <param name="policies">Names of rules and groups.</param>
    /// <param name="device">The device's name, which names what is logged.</param>
    /// <param name="macAddress">Of the network interface; see <see cref="MacAddressOf"/>.</param>
    /// <param name="time">The wall clock, and the timer's.</param>
    /// <param name="clock">The workers' clock, in milliseconds.</param>
    /// <param name="logger">For failures.</param>
    /// <param name="place">Where to keep what a kill would lose; null if flows do not outlive the process either.</param>
    public FlowLog(
        FlowLogSettings settings, FlowTable table, PolicyStore policies, string device, string macAddress, TimeProvider time, Func<long> clock, ILogger logger,
        FlowJournalPlace? place = null)
    {
        _place = place;
        _settings = settings;
        _time = time;
        _clock = clock;
        _logger = logger;
        IReadOnlyList<EventRing<FlowEvent>> rings = table.Tell(RingCapacity);
        _shards = rings.Count;
        _collector = new FlowCollector(table, rings, policies.Catalog, settings.ContinueInterval, Take);
        if (settings.Folder is { } folder)
        {
            _mending = new FlowLogMending(folder, time, logger);
            var names = new FlowLogNames(settings, policies, device, macAddress);
            if (settings.Vnet) _formats.Add((FlowLogKind.Vnet, new VnetFlowLog(Writer("VNet", FlowLogKind.Vnet, new FlowLogFolder(folder).Append), policies.Catalog, names, settings.AllProtocols)));
            if (settings.KeptFor > TimeSpan.Zero || settings.KeptBytes > 0) _retention = new FlowLogRetention(folder, settings.KeptFor, settings.KeptBytes, time, logger);
            if (settings.Nsg) _formats.Add((FlowLogKind.Nsg, new NsgFlowLog(Writer("NSG", FlowLogKind.Nsg, new FlowLogFolder(folder).Append), policies.Catalog, names)));
        }

        if (settings.Lines is { } lines)
        {
            FlowLogWriter writer = Writer("Lines", FlowLogKind.Lines, lines == FlowLogSettings.StandardOutput ? LineFile.AppendToStandardOutput : _lines.Append);
            _formats.Add((FlowLogKind.Lines, new FlowLogLines(writer, policies.Catalog, lines, settings.AllProtocols)));
        }
    }

    /// <summary>The writers, for their figures.</summary>
    public IReadOnlyList<FlowLogWriter> Writers => _writers;

    /// <summary>Begins and ends that came faster than they could be taken.</summary>
    public long EventsLost => _collector.Lost;

    /// <summary>The address of the first of those interfaces that has one, or of any; twelve digits, upper-case.</summary>
    /// <param name="interfaces">Names.</param>
    public static string MacAddressOf(IReadOnlyList<string> interfaces)
    {
        string[] addresses = [.. NetworkInterface.GetAllNetworkInterfaces()
            .Where(i => interfaces.Count == 0 || interfaces.Contains(i.Name))
            .OrderBy(i => Array.IndexOf([.. interfaces], i.Name))
            .Select(i => i.GetPhysicalAddress().ToString())];
        return Array.Find(addresses, a => a.Length == 12 && a != "000000000000") ?? "000000000000";
    }

    /// <summary>Goes on where a killed process ended, or begins. Call it when all flows of an earlier process are in the table and no worker runs.</summary>
    /// <param name="ruleOf">The number here of a rule that had that number in the process before; null if that one tells its last entries itself.</param>
    /// <param name="expired">Flows of that process whose time was over before they could be taken over; null for none.</param>
    public void Start(Func<int, int>? ruleOf = null, IReadOnlyList<FlowRecord>? expired = null)
    {
        DateTimeOffset now = _time.GetUtcNow();
        FlowJournalState? before = null;
        if (_place is not null)
        {
            before = ruleOf is null ? null : FlowJournal.Read(_place, ruleOf);
            _journal = FlowJournal.Create(_place, _formats.Select(f => f.Kind), _shards, _logger);
        }

        _collector.GoOn(_clock(), now.ToUnixTimeMilliseconds(), before, _journal);
        int late = before is null ? 0 : MakeUpFor(before.Pending);
        _journal?.Flush();
        _journal?.Publish();
        if (late > 0)
        {
            // At once: they are late already.
            foreach ((_, IFlowLogFormat format) in _formats) format.EndInterval(now);
            MadeUpFor(_logger, late);
        }

        if (before is not null) _collector.EndThose(expired ?? [], before, _clock(), now.ToUnixTimeMilliseconds());
        _nextRecord = EndOfInterval(now);
        _timer = _time.CreateTimer(_ => Turn(), null, Step, Step);
        // Who takes over from a process that runs finds what that one has mended.
        if (ruleOf is not null) _mending?.Start();
        _retention?.Start();
    }

    /// <inheritdoc/>
    public void Add(in DropEvent drop)
    {
        lock (_turning)
        {
            if (_timer is not null) _collector.Add(drop, _clock(), _time.GetUtcNow().ToUnixTimeMilliseconds());
        }
    }

    /// <summary>Writes the last entry of every flow. Call it after the workers have stopped and their drops were told, and once.</summary>
    /// <param name="handedOver">When the workers stopped, by their clock, if another process goes on with the flows; null if they end.</param>
    public void End(long? handedOver)
    {
        lock (_turning)
        {
            if (_timer is null) return;
            _timer.Dispose();
            _timer = null;
            foreach (FlowLogWriter writer in _writers) writer.BeginEnd();
            DateTimeOffset now = _time.GetUtcNow();
            if (handedOver is { } stopped) _collector.HandOver(stopped, _clock(), now.ToUnixTimeMilliseconds());
            else _collector.End(_clock(), now.ToUnixTimeMilliseconds());
            _journal?.Flush();
            foreach ((_, IFlowLogFormat format) in _formats) format.EndInterval(now);
            _isOver = handedOver is null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turning)
        {
            _timer?.Dispose();
            _timer = null;
        }

        _mending?.Dispose();
        _retention?.Dispose();
        foreach (FlowLogWriter writer in _writers) writer.Dispose();
        _lines.Dispose();
        foreach (IDisposable format in _formats.Select(f => f.Format).OfType<IDisposable>()) format.Dispose();
        // A successor has put its own in the same place.
        if (_isOver) _journal?.Delete();
        _journal?.Dispose();
    }

    private FlowLogWriter Writer(string name, FlowLogKind kind, FlowLogWrite write)
    {
        var writer = new FlowLogWriter(name, write, _logger, number => _journal?.Reached(kind, number));
        _writers.Add(writer);
        return writer;
    }

    private void Take(FlowLogEntry entry)
    {
        foreach ((_, IFlowLogFormat format) in _formats) format.Add(entry);
    }

    // Gives each log the entries of a killed process that it lacks. Returns how many there are.
    private int MakeUpFor(IReadOnlyList<(FlowJournalRecord Record, bool[] Lacking)> pending)
    {
        int late = 0;
        foreach ((FlowJournalRecord record, bool[] lacking) in pending)
        {
            if (!_formats.Exists(f => lacking[(int)f.Kind])) continue;
            late++;
            FlowLogEntry entry = record.Entry with { Number = _journal?.Append(record.Entry, record.Last) ?? 0 };
            foreach ((FlowLogKind kind, IFlowLogFormat format) in _formats)
            {
                if (lacking[(int)kind]) format.Add(entry);
                else format.Pass(entry.Number);
            }
        }

        return late;
    }

    private void Turn()
    {
        if (!_turning.TryEnter()) return;
        try
        {
            if (_timer is null) return;
            DateTimeOffset now = _time.GetUtcNow();
            _collector.Turn(_clock(), now.ToUnixTimeMilliseconds());
            _journal?.Flush();
            foreach ((_, IFlowLogFormat format) in _formats) format.EndTurn();
            // Also when the wall clock was set back by much.
            if (now < _nextRecord && _nextRecord - now <= _settings.Interval) return;
            foreach ((_, IFlowLogFormat format) in _formats) format.EndInterval(now < _nextRecord ? now : _nextRecord.AddTicks(-1));
            _collector.EndInterval();
            _nextRecord = EndOfInterval(now);
        }
        finally
        {
            _turning.Exit();
        }
    }

    // Intervals begin at whole multiples, so that a minute's record is a minute of the clock on the wall, and none reaches into another hour.
    private DateTimeOffset EndOfInterval(DateTimeOffset now) =>
        new(now.UtcTicks - (now.UtcTicks % _settings.Interval.Ticks) + _settings.Interval.Ticks, TimeSpan.Zero);

    [LoggerMessage(Level = LogLevel.Information, Message = "Flow logs: {Entries} entries of a killed process that were not yet in all of them are now")]
    private static partial void MadeUpFor(ILogger logger, int entries);
}
