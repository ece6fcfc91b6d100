using System.Runtime;

namespace Firewall.Control;

/// <summary>
/// Keeps the garbage collector from stopping the packet threads while a policy is built: a large one makes tens of megabytes of garbage,
/// and each collection in between would hold up packets for milliseconds. Where there is no memory for that, collections go on as usual.
/// </summary>
internal readonly struct UncollectedRegion : IDisposable
{
    // A thousand rules with the whole service tag file take 40 MB.
    private const long Bytes = 100_000_000;

    // Reloads leave garbage that nothing else may ask to be collected, so after a few of them it is done, beside the packet threads.
    private const long MostGarbage = 200_000_000;

    private readonly bool _isEntered;

    private UncollectedRegion(bool isEntered) => _isEntered = isEntered;

    /// <summary>Begins a region; the caller disposes of it. Regions of a process must not overlap.</summary>
    public static UncollectedRegion Enter()
    {
        try
        {
            // Never by a collection that would itself be what is to be avoided.
            return new UncollectedRegion(GCSettings.LatencyMode != GCLatencyMode.NoGCRegion && GC.TryStartNoGCRegion(Bytes, disallowFullBlockingGC: true));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentOutOfRangeException)
        {
            // In progress by somebody else, or more than this machine may give.
            return default;
        }
    }

    /// <summary>Ends the region.</summary>
    public void Dispose()
    {
        if (!_isEntered || GCSettings.LatencyMode != GCLatencyMode.NoGCRegion) return;
        try
        {
            GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            // More was allocated than was set aside, so that a collection ended it.
        }

        if (GC.GetTotalMemory(forceFullCollection: false) > MostGarbage) GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false, compacting: false);
    }
}
