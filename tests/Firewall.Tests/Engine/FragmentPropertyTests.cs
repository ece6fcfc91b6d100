using System.Text;
using CsCheck;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Memory;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>Random fragmentations through the worker and the engine. CsCheck prints the number that makes a failing case again.</summary>
public sealed class FragmentPropertyTests
{
    private const int HeaderLength = 10;

    private static readonly Policy Rules = PolicyCompiler.Compile(
        NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowDns), "rules.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;

    [Fact]
    public void Without_contradictions_every_fragment_of_an_allowed_datagram_comes_out_and_none_of_a_denied_one() =>
        Gen.Int.Sample(seed => PassThroughWorker(new Random(seed)), iter: 300);

    [Fact]
    public void Whatever_contradicts_itself_what_comes_out_can_be_put_together_in_one_way_only() =>
        Gen.Int.Sample(seed => Contradict(new Random(seed)), iter: 500);

    private static void PassThroughWorker(Random random)
    {
        using var flows = new FlowTable(100);
        using var device = new MemoryDevice(headerLength: HeaderLength);
        var fragments = new FragmentTable();
        var worker = new PacketWorker(device[0], new FirewallEngine(flows, fragments, new EngineOptions()));
        List<byte[]> sent = [];
        List<byte[]> expected = [];
        byte[] numbers = new byte[HeaderLength];
        for (int i = 0; i < 4; i++)
        {
            bool isAllowed = random.Next(4) != 0;
            byte[] datagram = Datagram(random, i, isAllowed ? 53 : 54);
            List<byte[]> parts = Parts(random, datagram, (uint)i, most: 8);
            for (int copies = random.Next(3); copies > 0; copies--) parts.Add(parts[random.Next(parts.Count)]);
            foreach (byte[] part in parts)
            {
                // Every frame has its own device header, which has to come out in front of it.
                BitConverter.TryWriteBytes(numbers, sent.Count + 1);
                byte[] frame = [.. numbers, .. part];
                sent.Add(frame);
                if (isAllowed) expected.Add(frame);
            }
        }

        byte[][] order = [.. sent];
        random.Shuffle(order);
        long now = 0;
        for (int at = 0; at < order.Length;)
        {
            int count = random.Next(1, 20);
            foreach (byte[] frame in order.Skip(at).Take(count)) device[0].InjectFrame(frame);
            at += count;
            Assert.True(worker.Receive(0));
            worker.Process(Rules, now++);
        }

        IEnumerable<string> actual = device[0].TakeWritten().Select(Convert.ToHexString);
        Assert.Equal(expected.Select(Convert.ToHexString).Order(), actual.Order());
        Assert.Equal(0, fragments.HeldCount);
        worker.Receive(0);
        worker.Process(Rules, now);
        Assert.Equal(0, fragments.HeldBytes);
        Assert.Equal(sent.Count, worker.Engine.Counters.AllowedPackets + worker.Engine.Counters.DeniedPackets);
    }

    private static void Contradict(Random random)
    {
        using var flows = new FlowTable(100);
        var fragments = new FragmentTable();
        var engine = new FirewallEngine(flows, fragments, new EngineOptions());
        List<byte[]> sent = [];
        for (int i = 0; i < 3; i++)
        {
            // All of one key: the same addresses and identification, other lengths, other bytes, other cuts, sometimes denied.
            byte[] datagram = Datagram(random, 0, random.Next(4) == 0 ? 54 : 53);
            sent.AddRange(Parts(random, datagram, 7, most: 5));
        }

        for (int copies = random.Next(6); copies > 0; copies--)
        {
            byte[] copy = [.. sent[random.Next(sent.Count)]];
            if (random.Next(2) == 0) copy[^1]++;
            sent.Add(copy);
        }

        byte[][] order = [.. sent];
        if (random.Next(2) == 0) random.Shuffle(order);
        Dictionary<bool, List<Part>> seen = new() { [true] = [], [false] = [] };
        long final = 0;
        for (int i = 0; i < order.Length; i++)
        {
            Verdict verdict = engine.Inspect(order[i], order[i].Length, Rules, i, out PacketInfo info, i);
            if (verdict.IsAllowed) Receive(seen[info.IsIPv4], order[i], info);
            if (!verdict.IsHeld) final++;
            final += TakeSettled(engine, order, seen);
        }

        engine.EndHeld(order.Length);
        final += TakeSettled(engine, order, seen);
        Assert.Equal(order.Length, final);
        Assert.Equal(order.Length, engine.Counters.AllowedPackets + engine.Counters.DeniedPackets);
        engine.Maintain(order.Length + 1, 1);
        Assert.Equal(0, fragments.HeldBytes);
    }

    private static int TakeSettled(FirewallEngine engine, byte[][] order, Dictionary<bool, List<Part>> seen)
    {
        int count = 0;
        while (engine.TryTakeSettled(out SettledFragment fragment))
        {
            count++;
            Assert.False(fragment.Verdict.IsHeld);
            if (fragment.Verdict.IsAllowed) Receive(seen[fragment.Packet.IsIPv4], order[fragment.Number], fragment.Packet);
        }

        return count;
    }

    // A receiver that looks at every pair. Only a datagram that is complete, and so has been taken, may be contradicted: by the next one.
    private static void Receive(List<Part> seen, byte[] packet, in PacketInfo info)
    {
        int start = info.IsIPv4 ? 20 : 48;
        string text = Convert.ToHexString(packet.AsSpan(start));
        var part = new Part(info.FragmentOffset, info.FragmentOffset + packet.Length - start, !info.MoreFragments, text);
        bool isComplete = IsComplete(seen);
        bool contradicts = seen.Exists(other => other.Contradicts(part));
        if (isComplete && (contradicts || part.Start == 0)) seen.Clear();
        else Assert.False(contradicts, $"{part} contradicts {string.Join(", ", seen)}");
        seen.Add(part);
    }

    private static bool IsComplete(List<Part> seen) =>
        seen.Find(static part => part.IsLast) is { } last && seen.Distinct().Sum(static part => part.End - part.Start) == last.End;

    private static byte[] Datagram(Random random, int number, int port)
    {
        bool v4 = random.Next(2) == 0;
        byte[] datagram = v4
            ? PacketBuilder.Udp($"203.0.113.{number + 1}:4000", $"10.0.0.4:{port}", random.Next(40, 3000))
            : PacketBuilder.Udp($"[2001:db8::{number + 1}]:4000", $"[fd00::4]:{port}", random.Next(40, 3000));
        random.NextBytes(datagram.AsSpan((v4 ? 20 : 40) + 8));
        return datagram;
    }

    private static List<byte[]> Parts(Random random, byte[] datagram, uint id, int most)
    {
        int length = datagram.Length - (datagram[0] >> 4 == 4 ? 20 : 40);
        int[] cuts = [.. Enumerable.Range(0, random.Next(1, most)).Select(_ => random.Next(1, (length + 7) / 8) * 8).Append(0).Append(length).Distinct().Order()];
        return [.. cuts.Zip(cuts.Skip(1), (start, end) => PacketBuilder.Fragment(datagram, start, end - start, end < length, id))];
    }

    private sealed record Part(int Start, int End, bool IsLast, string Text)
    {
        public bool Contradicts(Part other)
        {
            if (this == other) return false;
            bool overlaps = Start < other.End && other.Start < End;
            return overlaps || (IsLast && other.End > End) || (other.IsLast && End > other.End) || (IsLast && other.IsLast);
        }
    }
}
