using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;

namespace Firewall.Commands.Replay;

/// <summary>
/// Keeps the verdict lines in the order of the capture although a fragment that is held gets its verdict later than those behind it: they
/// wait for it, at most the five seconds of the capture's clock that a fragment is held. Frames are not kept back: the file of allowed ones
/// has them in the order in which they leave the firewall.
/// </summary>
internal sealed class ReplayOrder(ReplayOutputs outputs)
{
    private readonly Queue<Line> _waiting = new();
    private readonly Dictionary<long, HeldFrame> _held = [];

    /// <summary>Takes the verdict of a packet, which may be that it is held.</summary>
    /// <exception cref="Hosting.ApplianceException">A file cannot be written.</exception>
    public void Add(in CapturedPacket packet, in PacketInfo info, in Verdict verdict)
    {
        if (!verdict.IsHeld) outputs.WriteFrame(packet, verdict.IsAllowed);
        if (!verdict.IsHeld && _waiting.Count == 0)
        {
            outputs.WriteLine(packet.Number, packet.Timestamp, info, verdict);
            return;
        }

        var line = new Line(packet.Number, packet.Timestamp, info, verdict);
        _waiting.Enqueue(line);
        if (verdict.IsHeld) _held.Add(packet.Number, new HeldFrame(line, packet));
    }

    /// <summary>Takes the final verdict of a packet that was held.</summary>
    /// <exception cref="Hosting.ApplianceException">A file cannot be written.</exception>
    public void Settle(in SettledFragment fragment)
    {
        if (!_held.Remove(fragment.Number, out HeldFrame? held)) return;
        held.Line.Verdict = fragment.Verdict;
        outputs.WriteFrame(held.Packet, fragment.Verdict.IsAllowed);
        while (_waiting.TryPeek(out Line? line) && !line.Verdict.IsHeld)
        {
            _waiting.Dequeue();
            outputs.WriteLine(line.Number, line.Timestamp, line.Info, line.Verdict);
        }
    }

    private sealed class Line(long number, long timestamp, in PacketInfo info, in Verdict verdict)
    {
        public readonly long Number = number;
        public readonly long Timestamp = timestamp;
        public readonly PacketInfo Info = info;
        public Verdict Verdict = verdict;
    }

    private sealed class HeldFrame(Line line, in CapturedPacket packet)
    {
        private readonly byte[] _frame = packet.Frame.ToArray();
        private readonly int _linkType = packet.LinkType;
        private readonly int _wireLength = packet.FrameWireLength;
        private readonly int _packetOffset = packet.PacketOffset;

        public Line Line => line;

        public CapturedPacket Packet => new()
        {
            Number = line.Number,
            Timestamp = line.Timestamp,
            LinkType = _linkType,
            Frame = _frame,
            FrameWireLength = _wireLength,
            PacketOffset = _packetOffset,
        };
    }
}
