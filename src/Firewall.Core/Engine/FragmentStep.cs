using Firewall.Core.Flows;
using Firewall.Core.Flows.Fragments;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <summary>
/// Step 2 of a packet's way, in the words of the engine: asks the fragment table, turns its answers into verdicts, and reports the verdicts
/// of those that were held. One belongs to one engine.
/// </summary>
internal sealed class FragmentStep(FragmentTable table, EngineCounters counters, EventRing<DropEvent>? drops)
{
    private SettledFragments _settled;
    private int _reported;
    private int _next;

    /// <summary>Takes in a fragment that the parser took.</summary>
    /// <param name="frame">Device header and packet.</param>
    /// <param name="headerLength">Bytes of the device header.</param>
    /// <param name="wireLength">The packet's length on the wire.</param>
    /// <param name="number">The caller's name for it.</param>
    /// <param name="info">Its descriptor.</param>
    /// <param name="direction">How it lies to the protected network.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="verdict">Its verdict, unless it is a first fragment that is to be judged.</param>
    /// <param name="serial">For a first fragment: to be given to <see cref="Decide"/>.</param>
    /// <returns>False if it is a first fragment that is to be judged.</returns>
    public bool TryFollow(
        ReadOnlySpan<byte> frame,
        int headerLength,
        int wireLength,
        long number,
        in PacketInfo info,
        TrafficDirection direction,
        long now,
        out Verdict verdict,
        out long serial)
    {
        FragmentPiece piece = FragmentPiece.Of(frame[headerLength..], info, table.Digest);
        var arrival = new FragmentArrival(frame, wireLength, number, (byte)direction);
        Forget();
        FragmentFate fate = table.Add(info, piece, arrival, now, ref _settled, out serial, out int rule);
        Report(now);
        verdict = fate == FragmentFate.Judge ? default : VerdictOf(fate, rule, direction);
        return fate != FragmentFate.Judge;
    }

    /// <summary>Tells the verdict of a first fragment, and gives back what becomes of it in the end.</summary>
    public Verdict Decide(in PacketInfo first, long serial, in Verdict verdict, long now)
    {
        FragmentFate fate = table.Decide(first, serial, verdict.IsAllowed, verdict.Rule, ref _settled);
        Report(now);
        return fate is FragmentFate.Allowed or FragmentFate.Denied ? verdict : VerdictOf(fate, RuleCatalog.None, verdict.Direction);
    }

    /// <summary>Tells that a first fragment was malformed.</summary>
    public void RefuseFirst(in PacketInfo first, long now)
    {
        Forget();
        table.RefuseFirst(first, RuleCatalog.None, now, ref _settled);
        Report(now);
    }

    /// <summary>A bounded amount of upkeep.</summary>
    public void Maintain(long now)
    {
        Forget();
        table.Maintain(now, ref _settled);
        Report(now);
    }

    /// <summary>Ends everything that waits.</summary>
    public void EndAll(long now)
    {
        Forget();
        table.EndAll(ref _settled);
        Report(now);
    }

    /// <summary>Takes the next of those that the last call settled.</summary>
    public bool TryTake(out SettledFragment fragment)
    {
        if (_next == 0)
        {
            fragment = default;
            return false;
        }

        ref readonly HeldFragment held = ref table.Settled(_next);
        fragment = new SettledFragment(table, _next, VerdictOf(held));
        _next = held.Next;
        return true;
    }

    // What the last call settled goes back to the table with the next one.
    private void Forget()
    {
        _reported = 0;
        _next = 0;
    }

    // Each settled fragment is counted and told here, once, whoever takes it afterwards.
    private void Report(long now)
    {
        int index = _reported == 0 ? _settled.First : table.Settled(_reported).Next;
        if (_next == 0) _next = index;
        while (index != 0)
        {
            ref readonly HeldFragment held = ref table.Settled(index);
            Verdict verdict = VerdictOf(held);
            counters.Count(verdict, held.WireLength, now);
            if (!verdict.IsAllowed) drops?.Add(new DropEvent(now, verdict, held.Packet));
            _reported = index;
            index = held.Next;
        }
    }

    private static Verdict VerdictOf(in HeldFragment held) => VerdictOf(held.Fate, held.Rule, (TrafficDirection)held.Direction);

    private static Verdict VerdictOf(FragmentFate fate, int rule, TrafficDirection direction) => fate switch
    {
        FragmentFate.Allowed => new Verdict(Access.Allow, VerdictReason.Fragment, rule, direction),
        FragmentFate.Denied => new Verdict(Access.Deny, VerdictReason.FragmentOfDenied, rule, direction),
        FragmentFate.Held => new Verdict(Access.Deny, VerdictReason.FragmentHeld, RuleCatalog.None, direction),
        FragmentFate.Overlap => new Verdict(Access.Deny, VerdictReason.FragmentOverlap, RuleCatalog.None, direction),
        FragmentFate.Limit => new Verdict(Access.Deny, VerdictReason.FragmentLimit, RuleCatalog.None, direction),
        FragmentFate.Timeout => new Verdict(Access.Deny, VerdictReason.FragmentTimeout, RuleCatalog.None, direction),
        _ => new Verdict(Access.Deny, VerdictReason.FragmentWithoutFirst, RuleCatalog.None, direction),
    };
}
