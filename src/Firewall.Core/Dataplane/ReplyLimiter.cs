namespace Firewall.Core.Dataplane;

/// <summary>
/// A token bucket for the replies that a worker sends of its own accord, so that a flood of forged packets is not answered with a flood
/// (RFC 4443 section 2.4(f)).
/// </summary>
internal sealed class ReplyLimiter
{
    /// <summary>Replies a second in the long run.</summary>
    public const int PerSecond = 1000;

    /// <summary>Replies at once after a quiet time.</summary>
    public const int Burst = 200;

    private long _tokensInThousandths = Burst * 1000L;
    private long _last;

    /// <summary>Takes leave to send one reply.</summary>
    public bool TryTake(long now)
    {
        long elapsed = Math.Clamp(now - _last, 0, 1000);
        _last = now;
        _tokensInThousandths = Math.Min(Burst * 1000L, _tokensInThousandths + (elapsed * PerSecond));
        if (_tokensInThousandths < 1000) return false;
        _tokensInThousandths -= 1000;
        return true;
    }
}
