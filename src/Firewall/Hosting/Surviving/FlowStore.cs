using Firewall.Admin;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Devices.Linux;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting.Surviving;

/// <summary>
/// The connection table and the file that it lives in. At the start the flows of an earlier process are taken over record by record into a
/// fresh file, which then takes the old one's place; what does not fit is told in one line of the log. Without a file, or where none can be
/// made, flows live in private memory and end with the process.
/// </summary>
internal sealed partial class FlowStore : IDisposable
{
    private readonly ILogger _logger;
    private readonly RuleCatalog _catalog;
    private readonly FlowTableFile? _file;
    private readonly FlowPlace? _place;
    private readonly List<FlowRecord> _expired = [];
    private int _namesKept = RuleCatalog.None + 1;
    private bool _namesLost;

    private FlowStore(FlowTable table, FlowTableFile? file, FlowPlace? place, RuleCatalog catalog, ILogger logger)
    {
        Table = table;
        _file = file;
        _place = place;
        _catalog = catalog;
        _logger = logger;
    }

    /// <summary>The table; it lives until whoever uses it disposes it.</summary>
    public FlowTable Table { get; }

    /// <summary>True once the table's file stands in its place, or there is none to put there.</summary>
    public bool IsPublished { get; private set; }

    /// <summary>The file that others can take the flows from; null if they live in private memory.</summary>
    public string? File => _file is null ? null : _place?.Path;

    /// <summary>Makes the table and takes over what an earlier process left at its place.</summary>
    /// <param name="place">As for <see cref="Create"/>.</param>
    /// <param name="limits">As for <see cref="Create"/>.</param>
    /// <param name="workers">As for <see cref="Create"/>.</param>
    /// <param name="catalog">As for <see cref="Create"/>.</param>
    /// <param name="now">Milliseconds of the workers' clock.</param>
    /// <param name="logger">As for <see cref="Create"/>.</param>
    /// <param name="keepExpired">Whether anybody wants <see cref="Expired"/>.</param>
    /// <exception cref="ApplianceException">There is not enough memory.</exception>
    public static FlowStore Open(FlowPlace? place, FlowLimits limits, int workers, RuleCatalog catalog, long now, ILogger logger, bool keepExpired = false)
    {
        FlowStore store = Create(place, limits, workers, catalog, logger);
        try
        {
            store.Adopt(null, now, keepExpired ? store._expired.Add : null);
            store.Publish();
            return store;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NoFile(logger, place!.Path, e.Message);
            store.Discard();
            return Create(null, limits, workers, catalog, logger);
        }
    }

    /// <summary>Makes an empty table, in a file that does not yet stand in its place.</summary>
    /// <param name="place">Where it outlives the process; null for private memory.</param>
    /// <param name="limits">Its size and guards.</param>
    /// <param name="workers">How many use it at once.</param>
    /// <param name="catalog">The numbers of rules; those of adopted flows are added.</param>
    /// <param name="logger">For what became of the old table.</param>
    /// <exception cref="ApplianceException">There is not enough memory.</exception>
    public static FlowStore Create(FlowPlace? place, FlowLimits limits, int workers, RuleCatalog catalog, ILogger logger)
    {
        try
        {
            if (place is not null)
            {
                try
                {
                    return CreateFile(place, limits, workers, catalog, logger);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    NoFile(logger, place.Path, e.Message);
                }
            }

            FlowRegion? region = OperatingSystem.IsLinux() && workers == 1 ? PrivateFlowRegion.Create(FlowTable.LengthFor(limits, workers)) : null;
            return new FlowStore(new FlowTable(limits, workers, region), null, place, catalog, logger);
        }
        catch (OutOfMemoryException e)
        {
            throw new ApplianceException(
                $"there is not enough memory for a flow table of {limits.MaxFlows} flows; lower Firewall:FlowTable:MaxFlows", e);
        }
    }

    /// <summary>What rules had counted when an earlier process last wrote it down; without the flows that were taken over from it.</summary>
    public IReadOnlyList<RuleHitStatus> RuleCounts { get; private set; } = [];

    /// <summary>The number here of a rule that had that number in the process whose flows were taken over; <see cref="RuleCatalog.None"/> if it is not known.</summary>
    public Func<int, int> RuleOf { get; private set; } = static _ => RuleCatalog.None;

    /// <summary>The flows of an earlier process whose time was over before this one began, for its flow logs.</summary>
    public IReadOnlyList<FlowRecord> Expired => _expired;

    /// <summary>Reads what rules had counted, when another process has written it down a last time.</summary>
    /// <param name="path">The file of its flows; null: at this table's own place.</param>
    public void ReadRuleCounts(string? path)
    {
        if (_file is not null && (path ?? _place?.Path) is { } flows) RuleCounts = RuleCountsFile.Read(RuleCountsFile.PathOf(flows));
    }

    /// <summary>Writes down what rules have counted, for the next process. Where that fails, the next one begins with less; nobody has to be told.</summary>
    /// <param name="counts">Without the flows that are in the table, unless these end with it.</param>
    public void KeepRuleCounts(IReadOnlyList<RuleHitStatus> counts)
    {
        if (File is null || !IsPublished) return;
        try
        {
            RuleCountsFile.Write(RuleCountsFile.PathOf(File), counts);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full tmpfs: the table itself was made before.
        }
    }

    /// <summary>Takes over the flows that another process left, or has stopped to use.</summary>
    /// <param name="path">Its file; null: at this table's own place.</param>
    /// <param name="now">Milliseconds of the workers' clock.</param>
    /// <param name="onExpired">Called with each flow whose time is over; may be null.</param>
    public void Adopt(string? path, long now, Action<FlowRecord>? onExpired = null)
    {
        if (_place is null || (path is null && _file is null)) return;
        AdoptOld(_place with { Path = path ?? _place.Path }, now, onExpired);
    }

    /// <summary>Puts the table's file in its place, instead of the one that was there.</summary>
    public void Publish()
    {
        KeepRuleNames();
        _file?.Publish();
        IsPublished = true;
    }

    /// <summary>Writes the names of rules that are new since the last call beside the table. Call it when a policy has come into force.</summary>
    public void KeepRuleNames()
    {
        int end = _catalog.Count;
        if (_file is null || _namesLost || end == _namesKept) return;
        try
        {
            _file.Append(RuleNames.Write(_catalog, _namesKept, end));
            _namesKept = end;
        }
        catch (IOException e)
        {
            // Half a line may stand there: nothing more behind it.
            _namesLost = true;
            NamesLost(_logger, e.Message);
        }
    }

    /// <summary>Removes table and file, before anybody has used them.</summary>
    public void Discard()
    {
        Forget();
        Table.Dispose();
        Dispose();
    }

    /// <summary>Removes the file: nobody shall take these flows over. What rules have counted stays.</summary>
    public void Forget() => _file?.Delete();

    /// <summary>Closes the file; file and table stay.</summary>
    public void Dispose() => _file?.Dispose();

    private static FlowStore CreateFile(FlowPlace place, FlowLimits limits, int workers, RuleCatalog catalog, ILogger logger)
    {
        FlowTableFile file = FlowTableFile.Create(place.Path, FlowTable.LengthFor(limits, workers), hugePages: workers == 1);
        try
        {
            return new FlowStore(new FlowTable(limits, workers, file.Region, place.BootId), file, place, catalog, logger);
        }
        catch
        {
            file.Region.Dispose();
            file.Dispose();
            file.Delete();
            throw;
        }
    }

    private void AdoptOld(FlowPlace place, long now, Action<FlowRecord>? onExpired)
    {
        // They are there without flows too: after a polite stop.
        ReadRuleCounts(place.Path);
        FlowTableFile? old = null;
        try
        {
            old = FlowTableFile.OpenOld(place.Path);
            if (old is null)
            {
                Fresh(_logger, place.Path, Table.MaxFlows);
                return;
            }

            Dictionary<int, RuleIdentity> names = RuleNames.Read(old.ReadAppended(FlowTable.LengthOf(old.Region, place.BootId)));
            RuleOf = number => names.TryGetValue(number, out RuleIdentity? rule) ? _catalog.Add(rule) : RuleCatalog.None;
            FlowAdoption adoption = Table.Adopt(old.Region, place.BootId, now, RuleOf, onExpired);
            if (adoption.Refusal is { } why) Rebuilt(_logger, place.Path, why);
            else Adopted(_logger, place.Path, adoption.Adopted, adoption.Expired, adoption.Torn);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Rebuilt(_logger, place.Path, e.Message);
        }
        finally
        {
            old?.Region.Dispose();
            old?.Dispose();
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Flow table {File}: new, for {MaxFlows} flows")]
    private static partial void Fresh(ILogger logger, string file, int maxFlows);

    [LoggerMessage(Level = LogLevel.Information, Message = "Flow table {File}: adopted {Adopted} flows, {Expired} expired, {Torn} torn")]
    private static partial void Adopted(ILogger logger, string file, int adopted, int expired, int torn);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Flow table {File}: rebuilt, its flows are lost: {Why}")]
    private static partial void Rebuilt(ILogger logger, string file, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Flow table {File} cannot be made ({Why}); connections will end with this process")]
    private static partial void NoFile(ILogger logger, string file, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The names of rules cannot be kept beside the flow table ({Why}); after a kill flows will not name theirs")]
    private static partial void NamesLost(ILogger logger, string why);
}
