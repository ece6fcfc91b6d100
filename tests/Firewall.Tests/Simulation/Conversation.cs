using System.Globalization;
using Firewall.Core.Engine;
using Firewall.Core.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>
/// Two hosts with the firewall between them, and one connection after the other on the same ports. Checks that what conforming hosts send
/// is not refused, and that each connection comes to its end with all its bytes.
/// </summary>
internal sealed class Conversation
{
    private const int TraceLength = 120;
    private const int Forged = -1;
    private const long LongestHalfOpen = 100_000;
    private const int MostPackets = 20_000;

    private readonly SimulatedTime _time;
    private readonly Random _random;
    private readonly SimulatedFirewall _firewall;
    private readonly NetworkConditions _network;
    private readonly Queue<string> _trace = new();
    private readonly Dictionary<string, int> _excused;
    private readonly HashSet<uint> _forgedSyns = [];
    private long _cutSince = long.MaxValue;
    private int _packets;
    private int _rounds;
    private int _epoch;
    private bool _startsInside;
    private bool _wasCutBefore;
    private bool _isRecordForged;

    public Conversation(
        SimulatedTime time, Random random, SimulatedFirewall firewall, NetworkConditions network, int number, Dictionary<string, int> excused)
    {
        _time = time;
        _random = random;
        _firewall = firewall;
        _network = network;
        _excused = excused;
        bool isIPv6 = random.Next(3) == 0;
        OutsideEndpoint = isIPv6 ? $"[2001:db8::{number + 1:x}]:22" : string.Create(CultureInfo.InvariantCulture, $"203.0.113.{number + 1}:22");
        InsideEndpoint = isIPv6 ? "[fd00::4]:22" : "10.0.0.4:22";
        Outside = new TcpHost(time, random, OutsideEndpoint, InsideEndpoint, HostTraits.Draw(random), segment => Cross(segment, Inside!));
        Inside = new TcpHost(time, random, InsideEndpoint, OutsideEndpoint, HostTraits.Draw(random), segment => Cross(segment, Outside));
        _rounds = random.Next(1, 4);
    }

    public string OutsideEndpoint { get; }

    public string InsideEndpoint { get; }

    public TcpHost Outside { get; }

    public TcpHost Inside { get; }

    /// <summary>The one that had a packet judged last: where an exception comes from.</summary>
    [ThreadStatic]
    private static Conversation? s_last;

    public static Conversation? LastJudged => s_last;

    /// <summary>Connections that came to their end.</summary>
    public int Finished { get; private set; }

    /// <summary>True when nothing more is to happen.</summary>
    public bool IsOver => _rounds == 0;

    /// <summary>What was sent last, one line a packet.</summary>
    public string Trace => string.Join('\n', _trace);

    /// <summary>Begins the first connection.</summary>
    public void Begin()
    {
        Prepare(FirstSequence(), FirstSequence());
        _time.After(500, Watch);
    }

    /// <summary>
    /// Takes a packet of somebody who does not see the conversation but knows its ports, while both ends are connected: before that, one SYN
    /// for the right ports is as good as another.
    /// </summary>
    public void Attack(TcpSegment segment)
    {
        if (!Outside.IsConnected || !Inside.IsConnected) return;
        if (segment.Flags == TcpFlags.Syn) _forgedSyns.Add(segment.Sequence);
        Judge(segment, segment.Source == OutsideEndpoint ? Inside : Outside, Forged);
    }

    // Often close to the end of the numbers, so that they wrap.
    private uint FirstSequence() => _random.Next(4) == 0 ? uint.MaxValue - (uint)_random.Next(20_000) : (uint)_random.NextInt64();

    // Both SYNs cross on the wire, or one end waits for the other.
    private void Prepare(uint outsideSequence, uint insideSequence)
    {
        _epoch++;
        HostJob outsideJob = HostJob.Draw(_random);
        HostJob insideJob = HostJob.Draw(_random);
        if (outsideJob.ClosesLast) insideJob = insideJob with { ClosesLast = false };
        bool isSimultaneous = _random.Next(8) == 0;
        _startsInside = _random.Next(3) == 0;
        if (isSimultaneous)
        {
            Note($"-- {OutsideEndpoint} and {InsideEndpoint} connect at once");
            Inside.Listen(insideJob, Outside);
            Inside.Close();
            Outside.Connect(outsideJob, Inside, outsideSequence);
            _time.After(_random.Next(0, 120), () =>
            {
                // In TIME_WAIT it may have taken the other's SYN already.
                if (Inside.IsAtRest && !Inside.HasBegun) Inside.Connect(insideJob, Outside, insideSequence);
            });
        }
        else if (_startsInside)
        {
            Note($"-- {InsideEndpoint} connects");
            Outside.Listen(outsideJob, Inside);
            Inside.Connect(insideJob, Outside, insideSequence);
        }
        else
        {
            Note($"-- {OutsideEndpoint} connects");
            Inside.Listen(insideJob, Outside);
            Outside.Connect(outsideJob, Inside, outsideSequence);
        }
    }

    private void Watch()
    {
        bool wasCut = Outside.WasCut || Inside.WasCut;
        bool isOver = Outside.IsAtRest && Inside.IsAtRest;
        if (!isOver)
        {
            // Nobody may ever learn that the other end is gone, if the RST was lost and it has nothing to say.
            _cutSince = wasCut ? Math.Min(_cutSince, _time.Now) : long.MaxValue;
            if (wasCut && _time.Now - _cutSince > LongestHalfOpen)
            {
                Outside.Vanish();
                Inside.Vanish();
            }

            _time.After(500, Watch);
            return;
        }

        Finished++;
        _wasCutBefore |= wasCut;
        _cutSince = long.MaxValue;
        if (!wasCut)
        {
            if (!Outside.HasReceivedAll) throw new InvariantException($"{OutsideEndpoint} closed after {Outside.Received} bytes, not all");
            if (!Inside.HasReceivedAll) throw new InvariantException($"{InsideEndpoint} closed after {Inside.Received} bytes, not all");
        }

        if (--_rounds == 0) return;

        // The same ports again: while the other end may be in TIME_WAIT, long after, or with packets of before still under way.
        _time.After(_random.Next(3) == 0 ? _random.Next(1, 200_000) : _random.Next(1, 3_000), () =>
        {
            Note("-- again");
            Prepare(Outside.NextInitialSequence(), Inside.NextInitialSequence());
            _time.After(500, Watch);
        });
    }

    private void Cross(TcpSegment segment, TcpHost receiver)
    {
        if (++_packets > MostPackets) throw new InvariantException($"the conversation does not end: {MostPackets} packets");
        int round = _epoch;
        foreach (long delay in _network.Arrivals(_random)) _time.After(delay, () => Judge(segment, receiver, round));
    }

    private void Judge(TcpSegment segment, TcpHost receiver, int round)
    {
        if (IsOver) return;
        s_last = this;
        byte[] packet = segment.ToPacket();
        Verdict verdict;
        FlowSnapshot before = default;
        try
        {
            verdict = _firewall.Inspect(packet, out _, out before);
        }
        catch (InvariantException)
        {
            Note($"{segment} => ?");
            throw;
        }

        Note($"{(round == Forged ? "FORGED " : "")}{segment} => {verdict.Access} {verdict.Reason}{(verdict.IsAllowed ? $" {before.State}" : $" [{before}]")}");
        if (!verdict.IsAllowed)
        {
            if (round != Forged) Excuse(segment, verdict, before, CircumstancesOf(segment, receiver, round));
            return;
        }

        bool isForgedReset = round == Forged && segment.Has(TcpFlags.Rst);
        if (verdict.Reason == VerdictReason.Rule || isForgedReset) _isRecordForged = round == Forged;
        if (Outside.Corruption is string outside) throw new InvariantException(outside);
        if (Inside.Corruption is string inside) throw new InvariantException(inside);
        foreach (long delay in _network.Arrivals(_random)) _time.After(delay, () => receiver.Receive(segment));
    }

    private Circumstances CircumstancesOf(TcpSegment segment, TcpHost receiver, int round)
    {
        bool isHalfOpen = (receiver == Inside ? Outside : Inside).State == HostState.SynReceived;
        bool isSynAck = segment.Flags == (TcpFlags.Syn | TcpFlags.Ack);
        return new Circumstances(
            IsStraggler: round != _epoch,
            IsOldAnswer: (isSynAck || (segment.Flags == TcpFlags.Ack && isHalfOpen)) && receiver.IsOldAnswer(segment),
            IsCut: Outside.WasCut || Inside.WasCut,
            IsRecordForged: _isRecordForged,
            AnswersForged: ((segment.Flags & TcpFlags.Ack) != 0 && _forgedSyns.Contains(segment.Acknowledgment - 1))
                || (segment.Flags == TcpFlags.Rst && _forgedSyns.Contains(segment.Sequence - 1)),
            WasCutBefore: _wasCutBefore,
            MayHaveSynData: receiver.Traits.FastOpen,
            IsLive: round == _epoch && Outside.IsConnected && Inside.IsConnected,
            IsHalfOpen: isHalfOpen);
    }

    private void Excuse(TcpSegment segment, Verdict verdict, FlowSnapshot before, Circumstances circumstances)
    {
        bool isForgotten = verdict.Reason == VerdictReason.NoFlow && circumstances.IsLive;
        if (!isForgotten && verdict.Reason is not (VerdictReason.OutOfWindow or VerdictReason.InvalidState)) return;
        foreach (Excuse excuse in Simulation.Excuse.All)
        {
            if (!excuse.Fits(segment, verdict, before, circumstances)) continue;
            _excused[excuse.Name] = _excused.GetValueOrDefault(excuse.Name) + 1;
            return;
        }

        throw new InvariantException($"a packet of a conforming host was denied: {verdict.Reason}");
    }

    private void Note(string line)
    {
        _trace.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{_time.Now / 1000.0,10:0.000}  {line}"));
        if (_trace.Count > TraceLength) _trace.Dequeue();
    }
}
