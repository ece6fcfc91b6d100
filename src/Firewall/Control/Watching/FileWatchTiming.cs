namespace Firewall.Control.Watching;

/// <summary>How patient a <see cref="FileWatch"/> is.</summary>
/// <param name="Quiet">So long must nothing happen after an event before it is told: an editor writes in several steps.</param>
/// <param name="LongestWait">After so long it is told even if the events go on.</param>
/// <param name="Poll">So often are the files looked at without an event: network file systems and lost watches give none.</param>
internal sealed record FileWatchTiming(TimeSpan Quiet, TimeSpan LongestWait, TimeSpan Poll)
{
    /// <summary>What the appliance uses.</summary>
    public static FileWatchTiming Default { get; } = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));
}
