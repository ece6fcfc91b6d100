namespace Firewall.Devices.Linux.Probing;

/// <summary>What came of probing the offloads.</summary>
/// <param name="Misbehaving">Those that the kernel grants and does not do right; none of them should be on.</param>
/// <param name="Faults">For each of them one line: its name and what happened.</param>
/// <param name="Untested">What could not be tried and why, or null; the offloads it would have tried stay.</param>
public sealed record OffloadFindings(TunOffloads Misbehaving, IReadOnlyList<string> Faults, string? Untested)
{
    /// <summary>A device that a running process handed over: what that one found.</summary>
    public static OffloadFindings Known(TunOffloads misbehaving) => new(misbehaving, [], null);

    /// <summary>The probe itself failed; nothing is known.</summary>
    internal static OffloadFindings NotRun(string why) => new(TunOffloads.None, [], why);
}
