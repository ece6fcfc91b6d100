using System.Globalization;
using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Packets;
using Firewall.Tests.Simulation;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// A super-packet (GSO, GRO) is judged once: with the verdict that its segments would get one by one, and what is known of the flow behind
/// it is the same. Two engines see the same conversations, drawn from seeds, one of them cut into segments.
/// </summary>
public sealed class SuperPacketTests : IDisposable
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";
    private const int Conversations = 3_000;

    private readonly Policy _policy = PolicyCompiler.Compile(
        NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowSsh), "ssh.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;

    private readonly FlowTable _wholeFlows = new(16);
    private readonly FlowTable _cutFlows = new(16);
    private readonly FirewallEngine _whole;
    private readonly FirewallEngine _cut;
    private long _now = 1_000;

    public SuperPacketTests()
    {
        _whole = new FirewallEngine(_wholeFlows, new FragmentTable(), new EngineOptions());
        _cut = new FirewallEngine(_cutFlows, new FragmentTable(), new EngineOptions());
    }

    public void Dispose()
    {
        _wholeFlows.Dispose();
        _cutFlows.Dispose();
    }

    [Fact]
    public void A_super_packet_gets_the_verdict_of_its_segments_and_leaves_the_same_behind()
    {
        int agreed = 0;
        int refused = 0;
        int beyond = 0;
        for (int seed = 1; seed <= Conversations; seed++) Talk(new Random(seed), seed, ref agreed, ref refused, ref beyond);
        TestContext.Current.TestOutputHelper?.WriteLine($"seeds 1..{Conversations}: {agreed} allowed alike, {refused} denied alike, {beyond} across the window's edge");
        Assert.True(agreed > Conversations && refused > 100 && beyond > 100);
    }

    private void Talk(Random random, int seed, ref int agreed, ref int refused, ref int beyond)
    {
        // Every flow of before is over: a fresh one in each table.
        _now += (long)TimeSpan.FromHours(3).TotalMilliseconds;
        uint[] next = [(uint)random.NextInt64(), (uint)random.NextInt64()];
        int[] scales = [random.Next(-1, 15), random.Next(-1, 15)];
        ushort[] windows = [(ushort)random.Next(1, 65_536), (ushort)random.Next(1, 65_536)];
        var trace = new StringBuilder($"seed {seed}\n");
        Same(0, TcpFlags.Syn, next[0]++, 0, scales[0]);
        Same(1, TcpFlags.Syn | TcpFlags.Ack, next[1]++, next[0], scales[1]);
        for (int step = random.Next(2, 14); step > 0; step--)
        {
            int end = random.Next(2);
            uint ack = next[1 - end] - (random.Next(4) == 0 ? (uint)random.Next(100_000) : 0) + (random.Next(20) == 0 ? (uint)random.Next(1, 1_000) : 0);
            int kind = random.Next(12);
            uint sequence = kind switch { < 8 => next[end], < 10 => next[end] - (uint)random.Next(1, 90_000), _ => next[end] + (uint)random.Next(150_000) };
            int length = random.Next(3) == 0 ? random.Next(1, 60_000) : random.Next(1, 8_000);
            TcpFlags last = TcpFlags.Ack | (random.Next(2) == 0 ? TcpFlags.Psh : 0) | (random.Next(8) == 0 ? TcpFlags.Fin : 0);
            if (random.Next(4) == 0)
            {
                Same(end, TcpFlags.Ack, next[end], next[1 - end], -1);
                continue;
            }

            if (random.Next(15) == 0) Same(end, TcpFlags.Rst, next[end] + (uint)random.Next(3), 0, -1);
            FlowSnapshot before = SnapshotOf(_wholeFlows, end);
            byte[] packet = Packet(end, last, sequence, ack, length, -1);
            Verdict whole = _whole.Inspect(packet, packet.Length, _policy, _now, out _);
            int size = random.Next(300, 9_000);
            List<Verdict> parts = [];
            for (int offset = 0; offset < length; offset += size)
            {
                int part = Math.Min(size, length - offset);
                TcpFlags flags = offset + part < length ? TcpFlags.Ack : last;
                byte[] segment = Packet(end, flags, sequence + (uint)offset, ack, part, -1);
                parts.Add(_cut.Inspect(segment, segment.Length, _policy, _now, out _));
            }

            FlowSnapshot wholeAfter = SnapshotOf(_wholeFlows, end);
            FlowSnapshot cutAfter = SnapshotOf(_cutFlows, end);
            trace.Append(CultureInfo.InvariantCulture, $"{end} [{last}] {sequence} ack {ack} len {length} by {size}: {whole.Access} {whole.Reason}\n");
            string Told() => $"{trace}before {before}\nwhole  {whole.Access} {whole.Reason} {wholeAfter}\nparts  {string.Join(", ", parts.Select(v => v.Reason))} {cutAfter}";

            // Where the window ends within it, segments in front of the edge and behind it get different verdicts, and it gets one of these.
            Assert.True(parts.Exists(part => part.Access == whole.Access && part.Reason == whole.Reason), Told());
            bool isBeyond = unchecked((int)(sequence + (uint)length - before.Sender.MaxEnd)) > 0;
            if (isBeyond && parts.Exists(static part => part.IsAllowed))
            {
                beyond++;
                return;
            }

            Assert.All(parts, part => Assert.True(part.Access == whole.Access && part.Reason == whole.Reason, Told()));
            Assert.True(AreAlike(before, wholeAfter, cutAfter), Told());
            if (whole.IsAllowed) agreed++;
            else refused++;
            uint last32 = sequence + (uint)length + ((last & TcpFlags.Fin) != 0 ? 1u : 0);
            if (whole.IsAllowed && unchecked((int)(last32 - next[end])) > 0) next[end] = last32;
        }

        byte[] Packet(int end, TcpFlags flags, uint sequence, uint ack, int length, int scale) => PacketBuilder.Tcp(
            end == 0 ? Client : Server, end == 0 ? Server : Client, flags, sequence, ack, windows[end], length,
            scale < 0 ? null : PacketBuilder.TcpOptions(1_460, (byte)scale, sackPermitted: true));

        void Same(int end, TcpFlags flags, uint sequence, uint ack, int scale)
        {
            byte[] packet = Packet(end, flags, sequence, ack, 0, scale);
            Verdict first = _whole.Inspect(packet, packet.Length, _policy, _now, out _);
            Verdict second = _cut.Inspect(packet, packet.Length, _policy, _now, out _);
            trace.Append(CultureInfo.InvariantCulture, $"{end} [{flags}] {sequence} ack {ack}: {first.Access} {first.Reason}\n");
            Assert.True(first == second, $"{trace}but cut: {second}");
        }
    }

    // Of a FIN sent again with its data the data, alone, is an acknowledgment, by which nf_conntrack takes the next state of the close. The
    // states of each pair judge alike.
    private static bool AreAlike(in FlowSnapshot before, in FlowSnapshot whole, in FlowSnapshot cut)
    {
        bool isSentAgain = ((before.Sender.Flags | before.Receiver.Flags) & TcpPeerFlags.HasClosed) != 0
            && (whole.State, cut.State) is (TcpState.FinWait, TcpState.CloseWait) or (TcpState.LastAck, TcpState.TimeWait);
        return (isSentAgain ? whole with { State = cut.State } : whole) == cut;
    }

    private FlowSnapshot SnapshotOf(FlowTable flows, int end)
    {
        byte[] packet = PacketBuilder.Tcp(end == 0 ? Client : Server, end == 0 ? Server : Client, TcpFlags.Ack);
        PacketParser.Parse(packet, packet.Length, out PacketInfo info);
        FlowKey key = FlowKey.Of(info, out bool fromHigh);
        return FlowSnapshot.Of(flows, key, fromHigh, _now);
    }
}
