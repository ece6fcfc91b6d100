using Firewall.Core.Engine;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>The last denied packets are there whole, also for who reads while they are overwritten.</summary>
public sealed class DropRecorderTests
{
    [Fact]
    public void The_last_packets_are_kept_and_cut_to_the_snap_length()
    {
        var recorder = new DropRecorder(4, 8);
        for (byte number = 0; number < 6; number++) recorder.Add([.. Enumerable.Repeat(number, number + 5)], 100 + number, VerdictOf(number), number);
        Assert.Equal((6, 4), (recorder.Written, recorder.Capacity));
        byte[] bytes = new byte[8];
        for (int number = 0; number < 6; number++)
        {
            bool isThere = recorder.TryRead(number, bytes, out RecordedDrop drop);
            Assert.Equal(number >= 2, isThere);
            if (!isThere) continue;
            Assert.Equal(new RecordedDrop(number, VerdictOf(number), Math.Min(8, number + 5), 100 + number), drop);
            Assert.All(bytes[..drop.Length], b => Assert.Equal(number, b));
        }

        Assert.False(recorder.TryRead(6, bytes, out _));
    }

    [Fact]
    public void A_packet_that_is_overwritten_while_it_is_read_is_never_half_of_one()
    {
        const int Packets = 2_000_000;
        const int Length = 200;
        var recorder = new DropRecorder(4, Length);
        var worker = new Thread(() =>
        {
            byte[] packet = new byte[Length];
            for (int number = 0; number < Packets; number++)
            {
                packet.AsSpan().Fill((byte)number);
                recorder.Add(packet, number, VerdictOf(number), number);
            }
        });
        worker.Start();
        byte[] bytes = new byte[Length];
        while (recorder.Written < Packets)
        {
            long last = recorder.Written - 1;
            for (long number = Math.Max(0, last - 3); number <= last; number++)
            {
                if (!recorder.TryRead(number, bytes, out RecordedDrop drop)) continue;
                if (drop != new RecordedDrop(number, VerdictOf(number), Length, (int)number) || bytes.AsSpan().ContainsAnyExcept((byte)number)) Assert.Fail($"packet {number} is torn");
            }
        }

        worker.Join();
        Assert.True(recorder.TryRead(Packets - 1, bytes, out _));
    }

    private static Verdict VerdictOf(long number) => new(Access.Deny, VerdictReason.Rule, (int)(number % 1000), TrafficDirection.Inbound);
}
