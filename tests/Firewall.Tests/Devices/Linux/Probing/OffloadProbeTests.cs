using System.Buffers.Binary;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Probing;
using Xunit;

namespace Firewall.Tests.Devices.Linux.Probing;

/// <summary>What the probe makes of a kernel's faults. What a real kernel does is for the system tests.</summary>
public sealed class OffloadProbeTests
{
    private const TunOffloads Uso = TunOffloads.Uso4 | TunOffloads.Uso6;
    private const int NoHurry = 60_000;

    private static bool HasShortTail(byte[] frame)
    {
        int headers = BinaryPrimitives.ReadUInt16LittleEndian(frame.AsSpan(2));
        int size = BinaryPrimitives.ReadUInt16LittleEndian(frame.AsSpan(4));
        return (frame.Length - 10 - headers) % size != 0;
    }

    [Fact]
    public void A_kernel_without_faults_keeps_all()
    {
        OffloadFindings findings = OffloadProbe.Run(new FakeKernel(), TunOffloads.All, NoHurry);
        Assert.Empty(findings.Faults);
        Assert.Equal(TunOffloads.None, findings.Misbehaving);
        Assert.Null(findings.Untested);
    }

    [Theory]
    [InlineData(1, TunOffloads.Tso4)]
    [InlineData(4, TunOffloads.Tso6)]
    [InlineData(5, Uso)]
    [InlineData(0x81, TunOffloads.TsoEcn)]
    public void A_refused_short_tail_costs_that_offload_alone(byte kind, TunOffloads offload) => Drops(offload, "EINVAL", new FakeKernel
    {
        BeforeWrite = frame => frame[1] == kind && HasShortTail(frame) ? Errno.EINVAL : Errno.None,
    });

    [Theory]
    [InlineData(1, TunOffloads.Tso4)]
    [InlineData(4, TunOffloads.Tso6)]
    [InlineData(5, Uso)]
    public void A_changed_equal_tail_costs_that_offload_alone(byte kind, TunOffloads offload)
    {
        Drops(offload, "arrived changed", new FakeKernel
        {
            BeforeWrite = frame =>
            {
                if (frame[1] == kind && !HasShortTail(frame)) frame[^1] ^= 0x20;
                return Errno.None;
            },
        });
    }

    [Theory]
    [InlineData(1, TunOffloads.Tso4)]
    [InlineData(4, TunOffloads.Tso6)]
    [InlineData(5, Uso)]
    public void A_stale_segment_size_costs_that_offload_alone(byte kind, TunOffloads offload) => Drops(offload, "with segments of 1473 bytes", new FakeKernel
    {
        AfterRead = frame =>
        {
            if (frame[1] == kind) BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(4), 1473);
        },
    });

    [Fact]
    public void A_super_packet_behind_the_header_of_a_single_packet_costs_that_offload_alone() => Drops(Uso, "without a segment size", new FakeKernel
    {
        AfterRead = frame =>
        {
            if (frame[1] == 5) frame.AsSpan(1, 5).Clear();
        },
    });

    [Fact]
    public void A_lost_super_packet_costs_that_offload_alone() => Drops(Uso, "0 arrived", new FakeKernel
    {
        Delivers = (on, path) => path.IsTcp || (on & Uso) == 0,
    });

    [Fact]
    public void Without_checksums_there_is_nothing_else() => Drops(TunOffloads.All, "Checksum: UDP over IPv4", new FakeKernel
    {
        BeforeWrite = frame =>
        {
            frame[0] = 0;
            return Errno.None;
        },
    });

    [Fact]
    public void ECN_bits_go_with_the_last_of_the_super_packets()
    {
        var kernel = new FakeKernel { BeforeWrite = frame => frame[1] is 1 or 4 ? Errno.EIO : Errno.None };
        OffloadFindings findings = OffloadProbe.Run(kernel, TunOffloads.All, NoHurry);
        Assert.Equal(TunOffloads.Tso4 | TunOffloads.Tso6 | TunOffloads.TsoEcn, findings.Misbehaving);
        Assert.Equal(2, findings.Faults.Count);
    }

    [Fact]
    public void Where_nothing_comes_back_without_offloads_either_none_is_to_blame()
    {
        OffloadFindings findings = OffloadProbe.Run(new FakeKernel { Delivers = (_, _) => false }, TunOffloads.All, NoHurry);
        Assert.Equal(TunOffloads.None, findings.Misbehaving);
        Assert.Empty(findings.Faults);
        foreach (ProbePath path in ProbePath.All) Assert.Contains($"{path} (nothing comes back)", findings.Untested, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_pair_of_offloads_the_family_that_can_be_tried_is()
    {
        var kernel = new FakeKernel { IsClosed = path => !path.IsIPv4, BeforeWrite = frame => frame[1] == 5 ? Errno.EINVAL : Errno.None };
        OffloadFindings findings = OffloadProbe.Run(kernel, TunOffloads.All, NoHurry);
        Assert.Equal(Uso, findings.Misbehaving);
        Assert.Equal("UDP over IPv6 (closed); TCP over IPv6 (closed)", findings.Untested);
    }

    [Fact]
    public void What_the_kernel_does_not_grant_is_not_tried()
    {
        var kernel = new FakeKernel { BeforeWrite = frame => frame[1] is 4 or 5 ? Errno.EINVAL : Errno.None };
        OffloadFindings findings = OffloadProbe.Run(kernel, TunOffloads.Checksum | TunOffloads.Tso4 | TunOffloads.TsoEcn, NoHurry);
        Assert.Equal(TunOffloads.None, findings.Misbehaving);
        Assert.Null(findings.Untested);
        Assert.Equal(TunOffloads.None, OffloadProbe.Run(kernel, TunOffloads.None, NoHurry).Misbehaving);
    }

    [Fact]
    public void When_the_time_is_over_the_rest_stays_as_it_was_granted()
    {
        OffloadFindings findings = OffloadProbe.Run(new FakeKernel { Delivers = (on, _) => on == TunOffloads.None }, TunOffloads.All, 0);
        Assert.Equal(TunOffloads.None, findings.Misbehaving);
        Assert.Contains("when the time was over", findings.Untested, StringComparison.Ordinal);
    }

    private static void Drops(TunOffloads offload, string fault, FakeKernel kernel)
    {
        OffloadFindings findings = OffloadProbe.Run(kernel, TunOffloads.All, NoHurry);
        Assert.Equal(offload, findings.Misbehaving);
        Assert.Contains(fault, Assert.Single(findings.Faults), StringComparison.Ordinal);
        Assert.Null(findings.Untested);
    }
}
