using System.Diagnostics;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>Waiting for what another process does.</summary>
internal static class Wait
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Looks every few milliseconds until it is so; fails with the complaint if it takes too long.</summary>
    public static void Until(Func<bool> isSo, string complaint)
    {
        long start = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, complaint);
            Thread.Sleep(10);
        }
    }
}
