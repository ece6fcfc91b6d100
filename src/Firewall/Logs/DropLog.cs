using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Microsoft.Extensions.Logging;

namespace Firewall.Logs;

/// <summary>
/// Tells the operator which packets were denied, and by what, at a rate that a flood cannot raise. The first packet of its kind is
/// told at once; the same again within <see cref="Window"/> is counted and told once at the window's end; and all together there are
/// at most <see cref="LinesPerWindow"/> lines in a window, the rest is one line "Suppressed N". Called by one thread.
/// </summary>
/// <remarks>
/// "Of its kind": same reason, rule, protocol, addresses and destination port. The source port is left out, because a client that
/// tries again takes another one.
/// </remarks>
internal sealed partial class DropLog(ILogger logger, RuleCatalog catalog, TimeProvider time)
{
    /// <summary>How long packets of one kind are counted before they are told again.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    /// <summary>The most lines in one window, not counting the "Suppressed" line.</summary>
    public const int LinesPerWindow = 100;

    private readonly Dictionary<Kind, Seen> _seen = new(LinesPerWindow);
    private readonly long[] _suppressed = new long[Enum.GetValues<VerdictReason>().Length];
    private long _windowStart = time.GetTimestamp();
    private long _lostBefore;
    private int _lines;

    /// <summary>Takes one denied packet.</summary>
    public void Add(in DropEvent drop)
    {
        if (!logger.IsEnabled(LogLevel.Information)) return;
        var kind = new Kind(
            drop.Verdict.Reason,
            drop.Verdict.Malformed,
            drop.Verdict.Rule,
            drop.Packet.Protocol,
            drop.Packet.Source,
            drop.Packet.Destination,
            drop.Packet.HasPorts ? drop.Packet.DestinationPort : (ushort)0);
        if (_seen.TryGetValue(kind, out Seen? seen))
        {
            seen.Again++;
            seen.Last = drop;
        }
        else if (_lines < LinesPerWindow)
        {
            // Half of the lines are kept for what is repeated, so that a flood of ever new kinds leaves room to tell of the others.
            if (_seen.Count < LinesPerWindow / 2) _seen.Add(kind, new Seen(drop));
            _lines++;
            string packet = Describe(drop);
            Denied(logger, packet);
        }
        else
        {
            _suppressed[(int)drop.Verdict.Reason]++;
        }
    }

    /// <summary>Ends the window if it is over: tells what was counted. Call it every now and then, also when no packet came.</summary>
    /// <param name="lost">Events that the rings had no room for since the start.</param>
    public void Tick(long lost)
    {
        if (time.GetElapsedTime(_windowStart) >= Window) Flush(lost);
    }

    /// <summary>Tells what was counted, whether the window is over or not; also at the appliance's end.</summary>
    public void Flush(long lost)
    {
        _windowStart = time.GetTimestamp();
        _lines = 0;
        foreach ((Kind kind, Seen seen) in _seen)
        {
            if (seen.Again == 0)
            {
                _seen.Remove(kind);
                continue;
            }

            // What goes on is kept for the next window, so that it stays at one line each.
            string packet = Describe(seen.Last);
            Repeated(logger, packet, seen.Again, (int)Window.TotalSeconds);
            seen.Again = 0;
            _lines++;
        }

        TellSuppressed(lost);
    }

    private void TellSuppressed(long lost)
    {
        long total = 0;
        List<string> parts = [];
        for (int reason = 0; reason < _suppressed.Length; reason++)
        {
            if (_suppressed[reason] == 0) continue;
            total += _suppressed[reason];
            parts.Add($"{_suppressed[reason]} {(VerdictReason)reason}");
            _suppressed[reason] = 0;
        }

        if (lost > _lostBefore)
        {
            total += lost - _lostBefore;
            parts.Add($"{lost - _lostBefore} not recorded");
            _lostBefore = lost;
        }

        if (total == 0) return;
        string reasons = string.Join(", ", parts);
        Suppressed(logger, total, (int)Window.TotalSeconds, reasons);
    }

    private string Describe(in DropEvent drop) => DropText.PacketOf(drop) + DropText.VerdictOf(drop.Verdict, catalog, withGroup: false);

    [LoggerMessage(Level = LogLevel.Information, Message = "Denied {Packet}")]
    private static partial void Denied(ILogger logger, string packet);

    [LoggerMessage(Level = LogLevel.Information, Message = "Denied {Packet}, {Count} more in {Seconds} s")]
    private static partial void Repeated(ILogger logger, string packet, long count, int seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "Suppressed {Count} denied packets in {Seconds} s: {Reasons}")]
    private static partial void Suppressed(ILogger logger, long count, int seconds, string reasons);

    private readonly record struct Kind(
        VerdictReason Reason,
        MalformedReason Malformed,
        int Rule,
        byte Protocol,
        IpAddress Source,
        IpAddress Destination,
        ushort DestinationPort);

    private sealed class Seen(DropEvent first)
    {
        public long Again;
        public DropEvent Last = first;
    }
}
