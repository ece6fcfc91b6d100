using System.Buffers.Binary;
using Firewall.Core.Packets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Probing;
using Firewall.Tests.Dataplane.Coalescing;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Linux.Probing;

/// <summary>
/// What a kernel does with a TUN whose packets are turned round: super-packets where their offload is on, single packets elsewhere, and what
/// is written is cut and delivered. TCP is a stream without handshake and acknowledgments. Faults are put in between.
/// </summary>
internal sealed class FakeKernel : IProbeKernel
{
    private const int SegmentOfStream = 1440;

    private readonly Queue<byte[]> _waiting = new();
    private readonly Queue<byte[]> _arrived = new();
    private ProbePath _path;

    /// <summary>What the kernel grants beside faults.</summary>
    public TunOffloads On { get; private set; }

    /// <summary>Called with each frame that is about to be read.</summary>
    public Action<byte[]>? AfterRead { get; init; }

    /// <summary>Called with each frame that is written; it may change it, or refuse it.</summary>
    public Func<byte[], Errno>? BeforeWrite { get; init; }

    /// <summary>Whether what is written is delivered, by the offloads that are on and the path.</summary>
    public Func<TunOffloads, ProbePath, bool> Delivers { get; init; } = (_, _) => true;

    /// <summary>Which paths cannot be opened.</summary>
    public Func<ProbePath, bool> IsClosed { get; init; } = _ => false;

    public bool TrySetOffloads(TunOffloads offloads)
    {
        On = offloads;
        return true;
    }

    public int Read(Span<byte> frame)
    {
        if (!_waiting.TryDequeue(out byte[]? next)) return 0;
        AfterRead?.Invoke(next);
        next.CopyTo(frame);
        return next.Length;
    }

    public Errno Write(ReadOnlySpan<byte> frame)
    {
        byte[] copy = frame.ToArray();
        if (BeforeWrite?.Invoke(copy) is { } refusal and not Errno.None) return refusal;
        copy[1] &= 0x7F; // the ECN bit
        if (!Delivers(On, _path)) return Errno.None;
        foreach (byte[] packet in Segmenter.Cut(copy))
        {
            int start = _path.IsIPv4 ? 20 : 40;
            Assert.Equal(_path.IsIPv4 ? 192 : 0xFD, packet[_path.IsIPv4 ? 16 : 24]); // to our own end
            if (PacketBuilder.Checksum(packet.AsSpan(start), Segmenter.PseudoSum(packet, start)) != 0) continue;
            _arrived.Enqueue(packet[(start + (_path.IsTcp ? 20 : 8))..]);
        }

        return Errno.None;
    }

    public IProbeConversation Converse(ProbePath path)
    {
        if (IsClosed(path)) throw new IOException("closed");
        _path = path;
        _arrived.Clear();
        return new FakeConversation(this);
    }

    private void Send(ReadOnlySpan<byte> payload, int segmentSize, uint sequence)
    {
        ProbePath path = _path;
        (string own, string peer) = path.IsIPv4 ? ("192.0.2.2:4000", "198.51.100.3:4000") : ("[fd00::2]:4000", "[2001:db8::3]:4000");
        byte[] packet = path.IsTcp
            ? PacketBuilder.Tcp(own, peer, TcpFlags.Ack, seq: sequence, payload: payload.Length)
            : PacketBuilder.Udp(own, peer, payload.Length);
        payload.CopyTo(packet.AsSpan(packet.Length - payload.Length));
        int start = path.IsIPv4 ? 20 : 40;
        int place = path.IsTcp ? 16 : 6;
        byte[] frame = [.. new byte[10], .. packet];
        frame[0] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(6), (ushort)start);
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(8), (ushort)place);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(10 + start + place), Segmenter.PseudoSum(packet, start));
        bool isSuper = segmentSize > 0 && payload.Length > segmentSize;
        if (isSuper)
        {
            frame[1] = (byte)(path.IsTcp ? path.IsIPv4 ? 1 : 4 : 5);
            BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(2), (ushort)(packet.Length - payload.Length));
            BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(4), (ushort)segmentSize);
        }

        TunOffloads needed = !isSuper ? TunOffloads.Checksum : (path.IsTcp, path.IsIPv4) switch
        {
            (true, true) => TunOffloads.Tso4,
            (true, false) => TunOffloads.Tso6,
            (false, true) => TunOffloads.Uso4,
            (false, false) => TunOffloads.Uso6,
        };
        if ((On & needed) != 0) _waiting.Enqueue(frame);
        else foreach (byte[] cut in Segmenter.Cut(frame)) _waiting.Enqueue([.. new byte[10], .. cut]);
    }

    private sealed class FakeConversation(FakeKernel kernel) : IProbeConversation
    {
        private uint _sequence = 1;

        public bool IsReady => true;

        public int Send(ReadOnlySpan<byte> data, int segmentSize, out Errno error)
        {
            error = Errno.None;
            kernel.Send(data, kernel._path.IsTcp ? SegmentOfStream : segmentSize, _sequence);
            _sequence += (uint)data.Length;
            return data.Length;
        }

        public int Receive(Span<byte> data)
        {
            if (!kernel._arrived.TryDequeue(out byte[]? next)) return 0;
            next.CopyTo(data);
            return next.Length;
        }

        public bool Wait(int milliseconds) => false;

        public void Dispose()
        {
            // Nothing is open.
        }
    }
}
