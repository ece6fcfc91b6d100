using System.Threading.Channels;
using Firewall.Core.Engine;
using Firewall.Logs;

namespace Firewall.Admin.Drops;

/// <summary>Hands denied packets to those who follow them. Each follower has its own limit, and a slow one loses packets, which are counted.</summary>
internal sealed class DropFeed : IDropWatcher
{
    private readonly Lock _lock = new();
    private volatile DropFollower[] _followers = [];
    private long _suppressed;

    /// <summary>How many follow now.</summary>
    public int Followers => _followers.Length;

    /// <summary>Packets that followers were not given, all together.</summary>
    public long Suppressed => Volatile.Read(ref _suppressed);

    /// <inheritdoc/>
    public void Add(in DropEvent drop)
    {
        foreach (DropFollower follower in _followers)
        {
            if (!follower.Offer(drop)) _suppressed++;
        }
    }

    /// <summary>Begins to follow.</summary>
    /// <param name="perSecond">The most packets a second for each reason.</param>
    /// <param name="reason">Only for this reason; null for all.</param>
    public DropFollower Follow(int perSecond, VerdictReason? reason)
    {
        var follower = new DropFollower(this, perSecond, reason);
        lock (_lock) _followers = [.. _followers, follower];
        return follower;
    }

    /// <summary>Ends it.</summary>
    public void Leave(DropFollower follower)
    {
        lock (_lock) _followers = [.. _followers.Where(f => f != follower)];
    }
}

/// <summary>Somebody who follows denied packets.</summary>
internal sealed class DropFollower(DropFeed feed, int perSecond, VerdictReason? reason) : IDisposable
{
    private const int MostWaiting = 1024;
    private const long Second = 1000;

    private static readonly int s_reasons = Enum.GetValues<VerdictReason>().Length;

    private readonly Channel<DropEvent> _waiting = Channel.CreateBounded<DropEvent>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
    private readonly long[] _second = new long[s_reasons];
    private readonly int[] _taken = new int[s_reasons];
    private readonly long[] _suppressed = new long[s_reasons];

    /// <summary>Offers a packet. For one thread.</summary>
    /// <returns>False if it was too much, and only counted.</returns>
    public bool Offer(in DropEvent drop)
    {
        VerdictReason why = drop.Verdict.Reason;
        if (reason is not null && why != reason) return true;
        int index = (int)why;
        // By the packets' own time, so that what waited in a ring counts where it belongs.
        long second = drop.Time / Second;
        if (second != _second[index])
        {
            _second[index] = second;
            _taken[index] = 0;
        }

        if (_taken[index] >= perSecond || !_waiting.Writer.TryWrite(drop))
        {
            Interlocked.Increment(ref _suppressed[index]);
            return false;
        }

        _taken[index]++;
        return true;
    }

    /// <summary>Takes the next packet, if there is one.</summary>
    public bool TryTake(out DropEvent drop) => _waiting.Reader.TryRead(out drop);

    /// <summary>How many packets were not given out since the last call.</summary>
    /// <param name="why">For which reason.</param>
    public long TakeSuppressed(VerdictReason why) => Interlocked.Exchange(ref _suppressed[(int)why], 0);

    /// <inheritdoc/>
    public void Dispose() => feed.Leave(this);
}
