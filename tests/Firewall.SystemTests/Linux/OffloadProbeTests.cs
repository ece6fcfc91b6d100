using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
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
    private const int Attempts = 10;

    [Fact]
    public void This_kernel_does_all_that_it_grants_and_nothing_is_left_behind()
    {
        using var here = new NetworkNamespace("probe");
        here.Inside(() =>
        {
            string before = State(here);
            int files = OpenFiles();
            OffloadFindings findings = OffloadFindings.Known(TunOffloads.All);
            for (int i = 0; i < 3; i++) // the first compiles
            {
                long start = Stopwatch.GetTimestamp();
                findings = Settled(() => OffloadProbe.Run("/dev/net/tun", TunOffloads.All));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"took {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms"));
            }

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
            var counting = new FaultyKernel(tun);
            OffloadFindings findings = Settled(() => OffloadProbe.Run(counting, TunOffloads.All, Patience));
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

    [Fact]
    public void A_short_tail_that_is_refused_costs_that_offload_alone() => Drops(
        TunOffloads.Uso4 | TunOffloads.Uso6, "EINVAL",
        write: frame => frame.Span[1] == 5 && IsShort(frame.Span) ? Errno.EINVAL : Errno.None);

    // What Linux 6.6.44 did: the tail, or the segments, no longer than the headers.
    [Fact]
    public void A_tail_that_is_refused_by_its_length_is_found() => Drops(
        TunOffloads.Tso6, "TCP over IPv6",
        write: frame => frame.Span[1] == 4 && FaultyKernel.Tail(frame.Span) is > 1 and < 20 ? Errno.EINVAL : Errno.None);

    [Fact]
    public void An_equal_tail_that_is_changed_costs_that_offload_alone() => Drops(
        TunOffloads.Uso4 | TunOffloads.Uso6, "arrived changed",
        write: frame =>
        {
            if (frame.Span[1] == 5 && !IsShort(frame.Span)) frame.Span[^3] ^= 4;
            return Errno.None;
        });

    [Fact]
    public void A_stale_header_costs_that_offload_alone() => Drops(
        TunOffloads.Tso4, "segments of",
        read: frame =>
        {
            if (frame.Span[1] == 1) BinaryPrimitives.WriteUInt16LittleEndian(frame.Span[4..], 9000);
        });

    [Fact]
    public void A_super_packet_that_is_lost_costs_that_offload_alone() => Drops(
        TunOffloads.Uso4 | TunOffloads.Uso6, "0 arrived",
        write: frame =>
        {
            if (frame.Span[1] == 5) frame.Span[^1..].Clear();
            if (frame.Span[1] == 5) frame.Span[10 + (FaultyKernel.IsIPv4(frame.Span) ? 19 : 39)] ^= 0x10; // to nobody
            return Errno.None;
        });

    [Fact]
    public void Super_packets_with_ECN_bits_that_are_refused_cost_that_offload_alone() => Drops(
        TunOffloads.TsoEcn, "EINVAL", write: frame => (frame.Span[1] & 0x80) != 0 ? Errno.EINVAL : Errno.None);

    [Fact]
    public void Several_faults_are_told_one_by_one() => Drops(
        TunOffloads.Tso4 | TunOffloads.Tso6 | TunOffloads.TsoEcn, "EINVAL", faults: 2,
        write: frame => (frame.Span[1] & 0x7F) is 1 or 4 ? Errno.EINVAL : Errno.None);

    [Fact]
    public void Checksums_that_are_not_finished_cost_all() => Drops(
        TunOffloads.All, "Checksum: ",
        write: frame =>
        {
            frame.Span[0] &= 0xFE;
            return Errno.None;
        });

    [Fact]
    public void Without_IPv6_the_rest_is_probed_and_no_offload_is_lost()
    {
        using var here = new NetworkNamespace("v4only");
        here.Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
        here.Inside(() =>
        {
            OffloadFindings findings = Settled(
                () =>
                {
                    using LinuxTunDevice device = LinuxTunDevice.Open(new TunOptions());
                    Assert.Equal(TunOffloads.All, device.Offloads);
                    return device.Probed!;
                },
                found => !found.Untested!.Contains("IPv4", StringComparison.Ordinal));
            Assert.Empty(findings.Faults);
            Assert.Equal("UDP over IPv6 (no address: EACCES, Permission denied); TCP over IPv6 (no address: EACCES, Permission denied)", findings.Untested);
        });
    }

    [Fact]
    public void A_firewall_of_the_machine_that_drops_makes_it_say_so_and_no_offload_is_lost()
    {
        using var here = new NetworkNamespace("dropped");
        here.Run("nft", "add table inet t; add chain inet t in { type filter hook input priority 0; }; add rule inet t in iifname \"fwprobe*\" drop");
        here.Inside(() =>
        {
            long start = Stopwatch.GetTimestamp();
            using LinuxTunDevice device = LinuxTunDevice.Open(new TunOptions());
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"took {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms"));
            Assert.Equal(TunOffloads.All, device.Offloads);
            Assert.NotNull(device.Probed);
            Assert.Empty(device.Probed.Faults);
            Assert.Contains("UDP over IPv4 (nothing comes back)", device.Probed.Untested, StringComparison.Ordinal);
            Assert.DoesNotContain("fwprobe", here.Ip("link"), StringComparison.Ordinal);
        });
    }

    [Fact]
    public void A_firewall_that_drops_UDP_leaves_TCP_to_be_probed()
    {
        using var here = new NetworkNamespace("noudp");
        here.Run("nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }; add rule inet t out meta l4proto udp drop");
        here.Inside(() =>
        {
            OffloadFindings findings = Settled(() => OffloadProbe.Run("/dev/net/tun", TunOffloads.All), found => !found.Untested!.Contains("TCP", StringComparison.Ordinal));
            Assert.Equal(TunOffloads.None, findings.Misbehaving);
            Assert.Contains("UDP over IPv6", findings.Untested, StringComparison.Ordinal);
            Assert.DoesNotContain("TCP", findings.Untested, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Only_the_right_to_administer_the_network_is_needed()
    {
        using var here = new NetworkNamespace("rights");
        (int code, string output) = Child.Try(here, "probe", "setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_admin", "--ambient-caps=-all");
        Assert.Equal((0, "None, all tried"), (code, output.Trim()));
    }

    [Fact]
    public void Routing_rules_that_lead_elsewhere_do_not_keep_it_from_its_answers()
    {
        using var here = new NetworkNamespace("rules");
        here.Inside(() =>
        {
            // As a firewall in mode Host leaves them that was killed.
            using LinuxTunDevice other = LinuxTunDevice.Open(new TunOptions { Name = "fw7", ProbeOffloads = false });
            foreach (string family in (string[])["-4", "-6"])
            {
                here.Ip(family, "route", "add", "default", "dev", "fw7", "table", "77");
                here.Ip(family, "rule", "add", "priority", "40", "iif", "lo", "lookup", "77");
            }

            OffloadFindings findings = Settled(() => OffloadProbe.Run("/dev/net/tun", TunOffloads.All));
            Assert.Equal(TunOffloads.None, findings.Misbehaving);
            Assert.Null(findings.Untested);
        });
    }

    [Fact]
    public void Without_the_setting_nothing_is_probed()
    {
        using var here = new NetworkNamespace("off");
        here.Inside(() =>
        {
            using LinuxTunDevice device = LinuxTunDevice.Open(new TunOptions { ProbeOffloads = false });
            Assert.Null(device.Probed);
            Assert.Equal(TunOffloads.All, device.Offloads);
        });
    }

    [Fact]
    public void Who_joins_a_running_device_leaves_out_what_that_one_left_out()
    {
        using var here = new NetworkNamespace("join");
        here.Inside(() =>
        {
            using LinuxTunDevice first = LinuxTunDevice.Open(new TunOptions());
            SafeHandle[] queues = [.. first.OpenQueues.Select(queue => new Descriptor(Duplicate((int)queue.DangerousGetHandle())))];
            using LinuxTunDevice second = LinuxTunDevice.Join(new TunOptions(), queues, TunOffloads.Tso6);
            Assert.Equal(TunOffloads.All & ~TunOffloads.Tso6, second.Offloads);
            Assert.Equal(TunOffloads.Tso6, second.Probed!.Misbehaving);
            Assert.Contains("tx-tcp6-segmentation: off", here.Run("ethtool", "-k", "fw0"), StringComparison.Ordinal);
        });
    }

    // A busy machine may let it wait until its time is over, and then not all was tried.
    private static OffloadFindings Settled(Func<OffloadFindings> probe, Predicate<OffloadFindings>? isSettled = null)
    {
        OffloadFindings findings = probe();
        for (int i = 1; i < Attempts && !(isSettled?.Invoke(findings) ?? findings.Untested is null); i++) findings = probe();
        return findings;
    }

    private static bool IsShort(ReadOnlySpan<byte> frame) => FaultyKernel.Tail(frame) < BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]);

    [DllImport("libc", EntryPoint = "dup", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Duplicate(int fd);

    private void Drops(TunOffloads expected, string fault, Func<Memory<byte>, Errno>? write = null, Action<Memory<byte>>? read = null, int faults = 1)
    {
        using var here = new NetworkNamespace("fault");
        here.Inside(() =>
        {
            using ProbeTun tun = ProbeTun.Make("/dev/net/tun");
            OffloadFindings findings = Settled(() => OffloadProbe.Run(new FaultyKernel(tun) { BeforeWrite = write, AfterRead = read }, TunOffloads.All, Patience));
            output.WriteLine(string.Join('\n', findings.Faults));
            Assert.Equal(expected, findings.Misbehaving);
            Assert.Equal(faults, findings.Faults.Count);
            Assert.Contains(fault, findings.Faults[0], StringComparison.Ordinal);
            Assert.Null(findings.Untested);
        });
    }

    private static int OpenFiles() =>
        Directory.GetFiles("/proc/self/fd").Count(file => File.ResolveLinkTarget(file, false)?.Name is { } name && (name == "tun" || name.StartsWith("socket:", StringComparison.Ordinal)));

    private static string State(NetworkNamespace here) =>
        string.Join('\n', here.Ip("-o", "link"), here.Ip("-o", "addr"), here.Ip("route", "show", "table", "all"), here.Ip("-6", "route", "show", "table", "all"));
}
