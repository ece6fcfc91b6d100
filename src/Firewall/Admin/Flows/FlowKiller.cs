using Firewall.Core.Flows;
using Firewall.Hosting;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin.Flows;

/// <summary>A condition on a flow.</summary>
internal delegate bool FlowCondition(in FlowRecord flow);

/// <summary>
/// Ends flows. It only looks for them; the workers take them out of the table, a few before each batch, so that nobody waits for a lock.
/// One kill at a time.
/// </summary>
internal sealed class FlowKiller(WorkerPool workers) : IDisposable
{
    private const int LooksPerSlice = 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _one = new(1);

    /// <summary>Ends every flow that fits, and returns when all are gone from the table.</summary>
    /// <param name="matches">Which flows.</param>
    /// <param name="reset">TCP: tell both ends.</param>
    /// <param name="stopping">The table is about to go.</param>
    /// <exception cref="AdminProblem">The workers do not take the wishes: they are stopped.</exception>
    public async Task<FlowKillResult> KillAsync(FlowCondition matches, bool reset, CancellationToken stopping)
    {
        await _one.WaitAsync(stopping);
        try
        {
            long before = workers.Flows.Killed;
            long matched = 0;
            var walk = new FlowWalk(workers.Flows);
            while (!walk.IsAtEnd)
            {
                foreach (FlowEnd end in Slice(walk, matches, reset))
                {
                    // Any worker may end any flow; turn and turn about they do it sooner.
                    int worker = (int)(matched++ % workers.Count);
                    await Until(() => workers.TryEnd(worker, end), stopping);
                }
            }

            workers.Wake();
            await Until(() => workers.HaveEndedAll, stopping);
            return new FlowKillResult(matched, workers.Flows.Killed - before);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private static List<FlowEnd> Slice(FlowWalk walk, FlowCondition matches, bool reset)
    {
        List<FlowEnd> found = [];
        long now = Environment.TickCount64;
        int looks = LooksPerSlice;
        while (walk.TryNext(now, out FlowRecord flow, ref looks))
        {
            if (matches(flow)) found.Add(FlowEnd.Of(flow, reset));
        }

        return found;
    }

    private async Task Until(Func<bool> isDone, CancellationToken stopping)
    {
        long begin = Environment.TickCount64;
        while (!isDone())
        {
            if (Environment.TickCount64 - begin > Patience.TotalMilliseconds)
            {
                throw new AdminProblem(StatusCodes.Status503ServiceUnavailable, ["the workers are stopped; try again when the appliance runs"]);
            }

            workers.Wake();
            await Task.Delay(1, stopping);
        }
    }
}
