using System.Buffers.Binary;
using Firewall.Core.Packets;
using Firewall.Tests.Packets;

namespace Firewall.Tests.Dataplane.Coalescing;

/// <summary>
/// Frames of a few flows as a TUN hands them over, mixed: mostly streams that can be coalesced, and everything in between that may go wrong
/// with that.
/// </summary>
internal sealed class FrameStream
{
    private readonly Random _random;
    private readonly Flow[] _flows;
    private readonly PacketGenerator _strangers;

    public FrameStream(int seed)
    {
        _random = new Random(seed);
        _strangers = new PacketGenerator(seed);
        _flows = [.. Enumerable.Range(0, _random.Next(1, 6)).Select(i => new Flow(_random, i))];
    }

    /// <summary>The next frame.</summary>
    public byte[] Next()
    {
        if (_random.Next(60) == 0) return [.. new byte[10], .. _strangers.Next()];
        Flow flow = _flows[_random.Next(_flows.Length)];
        byte[] frame = flow.Next();
        return _random.Next(25) == 0 ? Spoil(frame, flow) : frame;
    }

    private byte[] Spoil(byte[] frame, Flow flow)
    {
        byte[] packet = frame[10..];
        int transport = flow.IsIPv4 ? 20 : 40;
        switch (_random.Next(10))
        {
            case 0: // a bit of anything, checksums as they were
                frame[10 + _random.Next(packet.Length)] ^= (byte)(1 << _random.Next(8));
                return frame;
            case 1: // the checksum
                frame[10 + transport + (flow.IsTcp ? 16 : 6)] ^= 1;
                return frame;
            case 2: // no checksum, or zero in the other way
                frame.AsSpan(10 + transport + (flow.IsTcp ? 16 : 6), 2).Fill(flow.IsTcp ? (byte)0xFF : (byte)0);
                return frame;
            case 3: // a wrong one that is still to be finished
                return flow.IsTcp ? frame : Unfinished(packet, transport, 6, wrong: true);
            case 4: // time to live
                packet[flow.IsIPv4 ? 8 : 7] = 3;
                break;
            case 5: // type of service, or flow label
                packet[flow.IsIPv4 ? 1 : 3] ^= 2;
                break;
            case 6 when flow.IsIPv4: // may be fragmented, or another identification
                if (_random.Next(2) == 0) packet[6] ^= 0x40;
                else packet[5] ^= 0x11;
                break;
            case 7 when flow.IsIPv4:
                return [.. new byte[10], .. PacketBuilder.WithIPv4Options(packet, new byte[4])];
            case 7:
                return [.. new byte[10], .. PacketBuilder.WithExtensions(packet, (60, PacketBuilder.PaddingBody(8)))];
            case 8: // more bytes than the header says
                return [.. frame, .. new byte[3]];
            default:
                return [.. new byte[10], .. PacketBuilder.Fragments(packet, 16, 9)[0]];
        }

        if (flow.IsIPv4) Segmenter.FinishIPv4(packet);
        return [.. frame[..10], .. packet];
    }

    private static byte[] Unfinished(byte[] packet, int transport, int place, bool wrong = false)
    {
        byte[] header = new byte[10];
        header[0] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), (ushort)transport);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)place);
        ushort sum = Segmenter.PseudoSum(packet, transport);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(transport + place), wrong ? (ushort)(sum ^ 0x0101) : sum);
        return [.. header, .. packet];
    }

    private sealed class Flow
    {
        private readonly Random _random;
        private readonly string _source;
        private readonly string _destination;
        private readonly int _size;
        private readonly bool _unfinished;
        private readonly bool _fixedId;
        private readonly bool _mayBeFragmented;
        private readonly byte[]? _options;
        private ushort _id;
        private uint _sequence;
        private uint _acknowledgment;
        private ushort _window = 501;

        public Flow(Random random, int number)
        {
            _random = random;
            IsIPv4 = random.Next(2) == 0;
            IsTcp = random.Next(2) == 0;
            _source = IsIPv4 ? $"203.0.113.5:{40_000 + number}" : $"[2001:db8::5]:{40_000 + number}";
            _destination = IsIPv4 ? "10.0.0.4:443" : "[fd00::4]:443";
            _size = random.Next(5) == 0 ? random.Next(1200, 1449) : random.Next(1, 200);
            _unfinished = random.Next(3) == 0;
            _fixedId = random.Next(3) == 0;
            _mayBeFragmented = random.Next(4) == 0;
            _options = random.Next(2) == 0 ? [1, 1, .. PacketBuilder.TcpOptions(timestamp: 77)] : null;
            _id = (ushort)random.Next(65_536);
            _sequence = (uint)random.NextInt64(1L << 32);
        }

        public bool IsIPv4 { get; }

        public bool IsTcp { get; }

        public byte[] Next()
        {
            int size = _random.Next(12) switch { 0 => _random.Next(_size + 1), 1 => _size + 1, _ => _size };
            byte[] packet = IsTcp ? NextSegment(size) : PacketBuilder.Udp(_source, _destination, size);
            int transport = IsIPv4 ? 20 : 40;

            // Every packet has a payload of its own.
            int payload = transport + (IsTcp ? (packet[transport + 12] >> 4) * 4 : 8);
            _random.NextBytes(packet.AsSpan(payload));
            if (IsIPv4)
            {
                if (!_fixedId) _id++;
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), _id);
                if (_mayBeFragmented) packet[6] = 0;
                Segmenter.FinishIPv4(packet);
            }

            byte[] unfinished = Unfinished(packet, transport, IsTcp ? 16 : 6);
            return _unfinished && _random.Next(10) > 0 ? unfinished : [.. new byte[10], .. Segmenter.Cut(unfinished)[0]];
        }

        private byte[] NextSegment(int size)
        {
            if (_random.Next(40) == 0) _sequence += (uint)_random.Next(-2000, 2000);
            if (_random.Next(40) == 0) _acknowledgment += 100;
            if (_random.Next(40) == 0) _window++;
            TcpFlags flags = _random.Next(30) switch
            {
                0 or 1 or 2 => TcpFlags.Ack | TcpFlags.Psh,
                3 => TcpFlags.Ack | TcpFlags.Fin,
                4 => TcpFlags.Ack | TcpFlags.Cwr,
                5 => TcpFlags.Ack | TcpFlags.Ece,
                6 => (TcpFlags)_random.Next(256),
                _ => TcpFlags.Ack,
            };
            byte[] packet = PacketBuilder.Tcp(_source, _destination, flags, _sequence, _acknowledgment, _window, size, _random.Next(40) == 0 ? [1, 1, 1, 1] : _options);
            _sequence += (uint)size;
            return packet;
        }
    }
}
