using System.Runtime.InteropServices;
using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Probing;

/// <summary>
/// Lets the kernel talk to itself through the TUN: what it sends is read, turned round and written back, and must arrive as it was
/// sent. One thread does all of it, and nothing waits but where the kernel has nothing to give.
/// </summary>
internal sealed class ProbeExchange
{
    private readonly IProbeKernel _kernel;
    private readonly long _deadline;
    private readonly byte[] _frame = GC.AllocateUninitializedArray<byte>(ProbeFrame.HeaderLength + PacketBatch.MaxPacketLength);
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(ProbeMessage.MaxLength);
    private readonly byte[] _pattern = new byte[2 * ProbeMessage.MaxLength];
    private PacketBatch? _batch;
    private PacketCoalescer? _coalescer;
    private ProbePath _path;
    private TunOffloads _offloads;
    private ProbeWay _way;
    private int _patienceMilliseconds;

    /// <param name="kernel">What is probed.</param>
    /// <param name="deadline">When to give up, in <see cref="Environment.TickCount64"/>.</param>
    public ProbeExchange(IProbeKernel kernel, long deadline)
    {
        _kernel = kernel;
        _deadline = deadline;
        uint next = 1;
        foreach (ref uint word in MemoryMarshal.Cast<byte, uint>(_pattern.AsSpan())) word = next = (next * 1_664_525) + 1_013_904_223;
    }

    /// <summary>Payload bytes of the segments of the last super-packet that was read in this exchange; 0 before.</summary>
    public int SegmentSize { get; private set; }

    /// <summary>How many super-packets were written in this exchange.</summary>
    public int SuperPackets { get; private set; }

    /// <summary>Sends messages one after the other, each when the last has arrived.</summary>
    /// <param name="path">By what.</param>
    /// <param name="offloads">Switched on before.</param>
    /// <param name="way">How packets are written back.</param>
    /// <param name="messages">At most <see cref="ProbeMessage.MaxLength"/> bytes each.</param>
    /// <param name="patienceMilliseconds">After so long without anything to read, nothing comes any more.</param>
    public ProbeOutcome Run(ProbePath path, TunOffloads offloads, ProbeWay way, IEnumerable<ProbeMessage> messages, int patienceMilliseconds)
    {
        (_path, _offloads, _way, _patienceMilliseconds) = (path, offloads, way, patienceMilliseconds);
        SegmentSize = 0;
        SuperPackets = 0;
        if (!_kernel.TrySetOffloads(offloads)) return new(ProbeVerdict.NotBegun, $"the kernel does not switch {offloads} on");
        while (_kernel.Read(_frame) > 0)
        {
            // What an earlier exchange left behind.
        }

        try
        {
            using IProbeConversation conversation = _kernel.Converse(path);
            while (!conversation.IsReady)
            {
                if (Reflect(0, out bool hasMoved) is { } fault) return fault;
                if (!hasMoved && !conversation.IsReady && WaitFor(conversation) is { } end) return end;
            }

            int start = 0;
            foreach (ProbeMessage message in messages)
            {
                if (Carry(conversation, _pattern.AsSpan(start, message.Length), message.SegmentSize) is { } fault) return fault;
                start = (start + 4099) % (_pattern.Length - ProbeMessage.MaxLength);
            }

            return ProbeOutcome.Right;
        }
        catch (IOException e)
        {
            return new(ProbeVerdict.NotBegun, e.Message);
        }
    }

    private static string Describe(ReadOnlySpan<byte> message, int segmentSize) =>
        segmentSize > 0 ? $"{message.Length} bytes in datagrams of {segmentSize}" : $"{message.Length} bytes";

    // Null: all of it came back.
    private ProbeOutcome? Carry(IProbeConversation conversation, ReadOnlySpan<byte> message, int segmentSize)
    {
        int sent = 0;
        int arrived = 0;
        while (arrived < message.Length)
        {
            int before = sent + arrived;
            Errno error = Send(conversation, message, segmentSize, ref sent);
            if (error != Errno.None) return ProbeOutcome.Wrong($"sending {Describe(message, segmentSize)} failed ({error.Describe()})");
            if (Reflect(segmentSize, out bool hasMoved) is { } fault) return fault;
            for (int count; arrived < message.Length && (count = conversation.Receive(_received)) > 0; arrived += count)
            {
                int expected = _path.IsTcp ? Math.Min(count, message.Length - arrived) : segmentSize == 0 ? message.Length : Math.Min(segmentSize, message.Length - arrived);
                if (count != expected) return ProbeOutcome.Wrong($"of {Describe(message, segmentSize)}, {count} bytes arrived in the place of {expected}");
                if (!_received.AsSpan(0, count).SequenceEqual(message.Slice(arrived, count)))
                    return ProbeOutcome.Wrong($"of {Describe(message, segmentSize)}, some arrived changed");
            }

            if (hasMoved || sent + arrived != before) continue;
            if (WaitFor(conversation) is not { } end) continue;
            return end with { What = $"of {Describe(message, segmentSize)}, {arrived} arrived" };
        }

        return null;
    }

    private Errno Send(IProbeConversation conversation, ReadOnlySpan<byte> message, int segmentSize, ref int sent)
    {
        bool singly = _way == ProbeWay.Coalesced && segmentSize > 0;
        while (sent < message.Length)
        {
            ReadOnlySpan<byte> rest = message[sent..];
            int taken = singly
                ? conversation.Send(rest[..Math.Min(segmentSize, rest.Length)], 0, out Errno error)
                : conversation.Send(rest, segmentSize, out error);
            if (error != Errno.None || taken <= 0) return error;
            sent += taken;
        }

        return Errno.None;
    }

    // Null: it may go on.
    private ProbeOutcome? WaitFor(IProbeConversation conversation)
    {
        long left = _deadline - Environment.TickCount64;
        if (left <= 0) return new(ProbeVerdict.OutOfTime, "");
        int patience = (int)Math.Min(left, _patienceMilliseconds);
        if (conversation.Wait(patience)) return null;
        return new(patience < _patienceMilliseconds ? ProbeVerdict.OutOfTime : ProbeVerdict.Silent, "no connection came about");
    }

    private ProbeOutcome? Reflect(int segmentSize, out bool hasMoved)
    {
        hasMoved = false;
        if (_way == ProbeWay.Coalesced) return ReflectTogether(out hasMoved);
        for (int length; (length = _kernel.Read(_frame)) > 0;)
        {
            hasMoved = true;
            Span<byte> frame = _frame.AsSpan(0, length);
            if (!ProbeFrame.IsOf(frame, _path)) continue;
            if (Turn(frame, segmentSize) is { } wrong) return wrong;
            if (Write(frame) is { } refusal) return refusal;
            if (Environment.TickCount64 >= _deadline) return new(ProbeVerdict.OutOfTime, "");
        }

        return null;
    }

    private ProbeOutcome? ReflectTogether(out bool hasMoved)
    {
        PacketBatch batch = _batch ??= new PacketBatch(ProbeFrame.HeaderLength);
        PacketCoalescer coalescer = _coalescer ??= new PacketCoalescer(batch.MaxCount);
        hasMoved = false;
        batch.Clear();
        while (batch.HasRoom)
        {
            Span<byte> frame = batch.NextFrame();
            int length = _kernel.Read(frame);
            if (length == 0) break;
            hasMoved = true;
            if (!ProbeFrame.IsOf(frame[..length], _path)) continue;
            if (Turn(frame[..length], 0) is { } wrong) return wrong;
            batch.Commit(length);
            batch.Allow(batch.Count - 1);
        }

        coalescer.Plan(batch);
        for (int i = 0; i < coalescer.Count; i++)
        {
            ReadOnlySpan<byte> frame = coalescer.Members(i) > 1
                ? _frame.AsSpan(0, coalescer.Build(batch, i, _frame))
                : batch.Frame(coalescer.First(i));
            if (Write(frame) is { } refusal) return refusal;
        }

        return null;
    }

    private ProbeOutcome? Turn(Span<byte> frame, int segmentSize)
    {
        if (ProbeFrame.Check(frame, _path, _offloads, segmentSize) is { } wrong) return ProbeOutcome.Wrong(wrong);
        if (ProbeFrame.SegmentSize(frame) is > 0 and var size) SegmentSize = size;
        ProbeFrame.Turn(frame, _path);
        if (_way == ProbeWay.Marked) ProbeFrame.MarkCongestion(frame, _path);
        return null;
    }

    private ProbeOutcome? Write(ReadOnlySpan<byte> frame)
    {
        int size = ProbeFrame.SegmentSize(frame);
        Errno error = _kernel.Write(frame);
        if (size > 0) SuperPackets++;
        if (error == Errno.None) return null;
        string what = size > 0 ? $"a super-packet of {frame.Length - ProbeFrame.HeaderLength} bytes in segments of {size}" : "a packet";
        return ProbeOutcome.Wrong($"writing {what} failed ({error.Describe()})");
    }
}
