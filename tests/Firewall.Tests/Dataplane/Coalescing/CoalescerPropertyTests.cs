using System.Buffers.Binary;
using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Dataplane.Coalescing;

/// <summary>
/// Whatever is read, coalesced and cut again is the same packets bit for bit, each once, and in the same order within a flow and around
/// packets that may belong to any flow.
/// </summary>
public sealed class CoalescerPropertyTests(ITestOutputHelper output)
{
    private const int Batches = 3000;

    [Fact]
    public void Coalesced_and_cut_again_the_packets_are_the_same_in_the_same_order()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"first seed {seed}");
        var batch = new PacketBatch(PacketCoalescer.HeaderLength);
        var coalescer = new PacketCoalescer(batch.MaxCount);
        int together = 0;
        int packets = 0;
        for (int round = 0; round < Batches; round++)
        {
            var stream = new FrameStream(seed + round);
            List<byte[]> sent = Fill(batch, stream, new Random(seed + round));
            coalescer.Plan(batch);
            string at = $"seed {seed + round}";
            List<byte[]> leaving = Leave(batch, coalescer, at, ref together);
            Compare(sent, leaving, at);
            packets += sent.Count;
        }

        output.WriteLine($"{packets} packets, {together} of them in super-packets");
        Assert.True(together > packets / 3, $"seed {seed}: only {together} of {packets} packets were coalesced");
    }

    private static List<byte[]> Fill(PacketBatch batch, FrameStream stream, Random random)
    {
        var sent = new List<byte[]>();
        batch.Clear();
        while (batch.HasRoom)
        {
            byte[] frame = stream.Next();
            frame.CopyTo(batch.NextFrame());
            batch.Commit(frame.Length);
            if (random.Next(20) == 0) continue;
            batch.Allow(batch.Count - 1);
            sent.AddRange(Segmenter.Cut(frame));
        }

        return sent;
    }

    private static List<byte[]> Leave(PacketBatch batch, PacketCoalescer coalescer, string at, ref int together)
    {
        byte[] buffer = new byte[PacketCoalescer.HeaderLength + PacketBatch.MaxPacketLength];
        var leaving = new List<byte[]>();
        for (int i = 0; i < coalescer.Count; i++)
        {
            int members = coalescer.Members(i);
            ReadOnlySpan<byte> frame = members == 1 ? batch.Frame(coalescer.First(i)) : buffer.AsSpan(0, coalescer.Build(batch, i, buffer));
            List<byte[]> cut = Segmenter.Cut(frame);
            Assert.True(members == cut.Count, $"{at}: {members} packets left as {cut.Count}");
            if (members > 1) together += members;
            leaving.AddRange(cut);
        }

        return leaving;
    }

    private static void Compare(List<byte[]> sent, List<byte[]> left, string at)
    {
        Assert.Equal(sent.Count, left.Count);
        foreach (string flow in sent.Select(FlowOf).Distinct())
        {
            string[] before = [.. sent.Where(packet => FlowOf(packet) == flow).Select(Text)];
            string[] after = [.. left.Where(packet => FlowOf(packet) == flow).Select(Text)];
            if (!before.SequenceEqual(after)) Assert.Fail($"{at}, {flow}:\n{string.Join('\n', before)}\n\n{string.Join('\n', after)}");
        }

        // What cannot be told to belong to a flow stays where it is among all.
        for (int i = 0; i < sent.Count; i++)
        {
            if (FlowOf(sent[i]) == "any") Assert.True(Text(sent[i]) == Text(left[i]), $"{at}: packet {i} was passed by another");
        }
    }

    private static string FlowOf(byte[] packet)
    {
        MalformedReason fault = PacketParser.Parse(packet, out PacketInfo info);
        bool v4 = packet[0] >> 4 == 4;
        bool plain = fault == MalformedReason.None && info.HasPorts && !info.IsFragment && info.Length == packet.Length
            && (v4 ? packet[0] == 0x45 : info.TransportOffset == 40);
        return plain ? $"{info.Protocol} {info.Source} {info.SourcePort} {info.Destination} {info.DestinationPort}" : "any";
    }

    // The identification of datagrams that must not be fragmented may count up where it stood still; nothing else may change.
    private static string Text(byte[] packet)
    {
        if (packet[0] != 0x45 || packet[9] != IpProtocol.Udp || BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(6)) != 0x4000) return Convert.ToHexString(packet);
        byte[] copy = [.. packet];
        copy.AsSpan(4, 2).Clear();
        if (Firewall.Tests.Packets.PacketBuilder.Checksum(packet.AsSpan(0, 20)) == 0) Segmenter.FinishIPv4(copy);
        return Convert.ToHexString(copy);
    }
}
