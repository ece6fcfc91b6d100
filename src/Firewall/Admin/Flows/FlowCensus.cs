using System.Diagnostics;
using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Admin.Flows;

/// <summary>
/// Counts the flows of a table by state, and what they have carried by rule, in the background and in slices: who wants figures has the last
/// ones without a walk, and no worker waits. For any thread.
/// </summary>
internal sealed class FlowCensus : IDisposable
{
    // A million flows are walked within some hundred milliseconds: three percent of a processor's time at most.
    private const int LeastPause = 20;
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(5);

    // The timer wheel takes a flow out some seconds late. Until then it counts, as in the table's own count.
    private const long WheelDelay = 60_000;

    private readonly FlowTable _table;
    private readonly RuleCatalog _catalog;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _ending = new();
    private readonly ITimer _timer;
    private volatile FlowFigures _latest;
    private long _end;
    private TimeSpan _length;
    private bool _disposed;

    /// <summary>Takes a first census, and begins to take one every few seconds.</summary>
    /// <param name="table">The flows.</param>
    /// <param name="catalog">The numbers of rules.</param>
    /// <param name="time">The timer's.</param>
    public FlowCensus(FlowTable table, RuleCatalog catalog, TimeProvider time)
    {
        _table = table;
        _catalog = catalog;
        _latest = new FlowFigures(table, catalog.Count);
        _timer = time.CreateTimer(_ => _ = TakeInBackground(), null, TimeSpan.Zero, Step);
    }

    /// <summary>The last census: some seconds old.</summary>
    public FlowFigures Latest => _latest;

    /// <summary>A census of now; or the last one, if that was only just, so that many who ask do not keep a processor busy.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants it any more, or the table is about to go.</exception>
    public async Task<FlowFigures> TakeAsync(CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _ending.Token);
        await _turn.WaitAsync(either.Token);
        try
        {
            if (_end != 0 && Stopwatch.GetElapsedTime(_end) < _length * LeastPause) return _latest;
            long begin = Stopwatch.GetTimestamp();
            var figures = new FlowFigures(_table, _catalog.Count);
            var walk = new FlowWalk(_table);
            while (!walk.IsAtEnd)
            {
                either.Token.ThrowIfCancellationRequested();
                AddSlice(walk, figures, Environment.TickCount64 - WheelDelay);
                await Task.Yield();
            }

            figures.NoLessThan(_latest);
            _latest = figures;
            _end = Stopwatch.GetTimestamp();
            _length = Stopwatch.GetElapsedTime(begin, _end);
            return figures;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>All at once, of a table that no worker uses any more.</summary>
    public static FlowFigures TakeAll(FlowTable table, int rules)
    {
        var figures = new FlowFigures(table, rules);
        var walk = new FlowWalk(table);
        // Also what has expired: it was not taken out, and so is not counted yet.
        while (!walk.IsAtEnd) AddSlice(walk, figures, long.MinValue);
        return figures;
    }

    /// <summary>Returns when nobody looks at the table any more.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _timer.Dispose();
        _ending.Cancel();
        _turn.Wait();
        _turn.Dispose();
        _ending.Dispose();
    }

    private async Task TakeInBackground()
    {
        try
        {
            await TakeAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The appliance ends.
        }
    }

    private static void AddSlice(FlowWalk walk, FlowFigures figures, long now)
    {
        int looks = FlowListing.LooksPerSlice;
        while (walk.TryNext(now, out FlowRecord flow, ref looks)) figures.Add(flow);
    }
}
