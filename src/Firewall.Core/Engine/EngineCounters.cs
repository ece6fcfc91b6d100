using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Engine;

/// <summary>
/// What one engine has counted. Written by its worker alone, read by anybody: each number is whole, but two numbers may be a packet
/// apart. Sum over the workers for the appliance's figures.
/// </summary>
public sealed class EngineCounters
{
    private static readonly int Reasons = Enum.GetValues<VerdictReason>().Length;
    private static readonly int MalformedReasons = Enum.GetValues<MalformedReason>().Length;

    private readonly long[] _allowed = new long[Reasons];
    private readonly long[] _denied = new long[Reasons];
    private readonly long[] _malformed = new long[MalformedReasons];
    private long _allowedBytes;
    private long _deniedBytes;
    private long _heldFragments;

    /// <summary>Bytes of allowed packets, from the IP header on.</summary>
    public long AllowedBytes => Volatile.Read(ref _allowedBytes);

    /// <summary>Bytes of denied packets, from the IP header on.</summary>
    public long DeniedBytes => Volatile.Read(ref _deniedBytes);

    /// <summary>
    /// Fragments that had to wait for their datagram's first one. Each is among the allowed or denied packets as well once its fate is known.
    /// </summary>
    public long HeldFragments => Volatile.Read(ref _heldFragments);

    /// <summary>Packets allowed for that reason.</summary>
    public long Allowed(VerdictReason reason) => Volatile.Read(ref _allowed[(int)reason]);

    /// <summary>Packets denied for that reason.</summary>
    public long Denied(VerdictReason reason) => Volatile.Read(ref _denied[(int)reason]);

    /// <summary>Malformed packets by what was wrong with them.</summary>
    public long Malformed(MalformedReason reason) => Volatile.Read(ref _malformed[(int)reason]);

    /// <summary>All packets allowed.</summary>
    public long AllowedPackets => Sum(_allowed);

    /// <summary>All packets denied.</summary>
    public long DeniedPackets => Sum(_denied);

    /// <summary>How often each rule decided.</summary>
    public RuleHits Rules { get; } = new();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Count(Verdict verdict, int bytes, long now)
    {
        if (verdict is { IsAllowed: true, Reason: VerdictReason.Flow })
        {
            _allowed[(int)VerdictReason.Flow]++;
            _allowedBytes += bytes;
            return;
        }

        CountOther(verdict, bytes, now);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CountOther(Verdict verdict, int bytes, long now)
    {
        if (verdict.Reason != VerdictReason.Flow) CountForRule(verdict, bytes, now);
        if (verdict.IsAllowed)
        {
            _allowed[(int)verdict.Reason]++;
            _allowedBytes += bytes;
            return;
        }

        if (verdict.IsHeld)
        {
            _heldFragments++;
            return;
        }

        _denied[(int)verdict.Reason]++;
        _deniedBytes += bytes;
        if (verdict.Reason == VerdictReason.Malformed) _malformed[(int)verdict.Malformed]++;
    }

    private void CountForRule(Verdict verdict, int bytes, long now)
    {
        if (verdict.Reason == VerdictReason.Rule && verdict.IsAllowed) Rules.CountFlow(verdict.Rule, now);
        else if (verdict.Reason == VerdictReason.Rule) Rules.CountDenied(verdict.Rule, bytes, now);
        else if (verdict.IsAllowed) Rules.CountPassed(verdict.Rule, bytes);
    }

    private static long Sum(long[] counters)
    {
        long sum = 0;
        for (int i = 0; i < counters.Length; i++) sum += Volatile.Read(ref counters[i]);
        return sum;
    }
}
