using System.Diagnostics;
using System.Globalization;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Probing;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>The probe of the offloads, on this machine's kernel, and on it with a fault put in between.</summary>
[Collection("Linux")]
public sealed class OffloadProbeTests(ITestOutputHelper output)
{
    // The shared machines that tests run on may be busy; what it takes on a quiet one is measured apart.
    private const int Patience = 2000;

    [Fact]
    public void This_kernel_does_all_that_it_grants_and_nothing_is_left_behind()
    {
        using var here = new NetworkNamespace("probe");
        here.Inside(() =>
        {
            string before = State(here);
            int files = OpenFiles();
            OffloadProbe.Run("/dev/net/tun", TunOffloads.All); // the first compiles
            long start = Stopwatch.GetTimestamp();
            OffloadFindings findings = OffloadProbe.Run("/dev/net/tun", TunOffloads.All);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"took {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms"));
            Assert.Empty(findings.Faults);
            Assert.Equal(TunOffloads.None, findings.Misbehaving);
            Assert.Null(findings.Untested);
            Assert.Equal(before, State(here));
            Wait.Until(() => OpenFiles() == files, "a descriptor stays open");
        });
    }

    [Fact]
    public void Super_packets_go_both_ways()
    {
        using var here = new NetworkNamespace("counting");
        here.Inside(() =>
        {
            using ProbeTun tun = ProbeTun.Make("/dev/net/tun");
            Assert.Null(tun.Missing);
            var counting = new FaultyKernel(tun);
            OffloadFindings findings = OffloadProbe.Run(counting, TunOffloads.All, Patience);
            Assert.Empty(findings.Faults);
            output.WriteLine(string.Join('\n', counting.Seen.Order(StringComparer.Ordinal)));
            foreach (string kind in (string[])["1", "4", "129", "132", "5 v4", "5 v6"])
            {
                Assert.Contains(counting.Seen, seen => seen.StartsWith($"wrote {kind} short", StringComparison.Ordinal));
                Assert.Contains(counting.Seen, seen => seen.StartsWith($"wrote {kind} equal", StringComparison.Ordinal) || kind is "129" or "132");
                if (kind is not ("129" or "132")) Assert.Contains(counting.Seen, seen => seen.StartsWith($"read {kind} short", StringComparison.Ordinal));
            }
        });
    }

    private static int OpenFiles() =>
        Directory.GetFiles("/proc/self/fd").Count(file => File.ResolveLinkTarget(file, false)?.Name is { } name && (name == "tun" || name.StartsWith("socket:", StringComparison.Ordinal)));

    private static string State(NetworkNamespace here) =>
        string.Join('\n', here.Ip("-o", "link"), here.Ip("-o", "addr"), here.Ip("route", "show", "table", "all"), here.Ip("-6", "route", "show", "table", "all"));
}
