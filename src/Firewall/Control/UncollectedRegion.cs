using System.Runtime;

namespace Firewall.Control;

/// <summary>
/// Keeps the garbage collector from stopping the packet threads while a policy is built: each collection in between would hold up packets for
/// milliseconds. Where there is no memory for that, collections go on as usual.
/// </summary>
internal readonly struct UncollectedRegion : IDisposable
{
    // Reading a thousand rules and the whole service tag file takes 40 MB, half of it in large arrays.
    private const long SmallBytes = 50_000_000;
    private const long LargeBytes = 50_000_000;

    // A collection beside the packet threads that is asked for holds them up twice for a few tenths of a millisecond; one that the
    // collector decides upon falls into the next policy's building and takes several times that. So it is asked for before that can be.
    private const long MostGarbage = 50_000_000;

    private static long s_allocatedAtCollection;

    private readonly bool _isEntered;

    private UncollectedRegion(bool isEntered) => _isEntered = isEntered;

    /// <summary>
    /// Collects and compacts what the start of the program left behind, while there are no packets yet: the first collection beside them would do
    /// it otherwise, and stop them for it.
    /// </summary>
    public static void Prepare() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);

    /// <summary>Begins a region; the caller disposes of it. Regions of a process must not overlap.</summary>
    public static UncollectedRegion Enter()
    {
        try
        {
            // Never by a collection that would itself be what is to be avoided.
            return new UncollectedRegion(
                GCSettings.LatencyMode != GCLatencyMode.NoGCRegion
                && GC.TryStartNoGCRegion(SmallBytes + LargeBytes, LargeBytes, disallowFullBlockingGC: true));
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
        if (_isEntered && GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
        {
            try
            {
                GC.EndNoGCRegion();
            }
            catch (InvalidOperationException)
            {
                // More was allocated than was set aside, so that a collection ended it.
            }
        }

        // Regions do not overlap, so nobody else is here.
        long allocated = GC.GetTotalAllocatedBytes();
        if (allocated - s_allocatedAtCollection < MostGarbage) return;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false, compacting: false);
        s_allocatedAtCollection = allocated;
    }
}
