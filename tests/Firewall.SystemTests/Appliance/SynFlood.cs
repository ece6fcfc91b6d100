using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Firewall.SystemTests.Appliance;

/// <summary>
/// Connection requests from random addresses of 198.18.0.0/15, each to a random port that a rule allows, as fast as one thread can send
/// them. Answers go to a hole in the VM, so that every request leaves a half-open flow behind.
/// </summary>
internal sealed class SynFlood : IDisposable
{
    private const int Length = 40;

    private readonly Thread _thread;
    private readonly Socket _socket;
    private volatile bool _done;
    private long _sent;

    /// <summary>Starts to send from the client's namespace.</summary>
    /// <param name="lab">Where.</param>
    /// <param name="seed">Draws addresses, ports and sequence numbers.</param>
    public SynFlood(Lab lab, int seed)
    {
        lab.Gateway.Ip("route", "add", "198.18.0.0/15", "via", Lab.ClientV4);
        lab.Vm.Ip("route", "add", "blackhole", "198.18.0.0/15");
        _socket = lab.Client.Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Raw, (ProtocolType)255));
        _thread = new Thread(() => Send(new Random(seed)));
        _thread.Start();
    }

    /// <summary>Requests sent so far.</summary>
    public long Sent => Volatile.Read(ref _sent);

    public void Dispose()
    {
        _done = true;
        _thread.Join();
        _socket.Dispose();
    }

    private void Send(Random random)
    {
        byte[] packet = new byte[Length];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), Length);
        packet[8] = 64;
        packet[9] = 6;
        IPAddress.Parse(Lab.VmV4).TryWriteBytes(packet.AsSpan(16), out _);
        packet[32] = 5 << 4;
        packet[33] = 0x02;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(34), 64_240);
        SocketAddress to = new IPEndPoint(IPAddress.Parse(Lab.VmV4), 0).Serialize();
        while (!_done)
        {
            BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(12), 0xC612_0000 | (uint)random.Next(1 << 17));
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(20), (ushort)random.Next(1024, 65_536));
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(22), (ushort)random.Next(5000, 6000));
            BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(24), (uint)random.Next());
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(36), 0);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(36), Checksum(packet));
            _socket.SendTo(packet, SocketFlags.None, to);
            Volatile.Write(ref _sent, _sent + 1);
        }
    }

    // RFC 9293 section 3.1: over a pseudo header of addresses, protocol and length, and the segment.
    private static ushort Checksum(ReadOnlySpan<byte> packet)
    {
        uint sum = 6 + Length - 20;
        for (int at = 12; at < Length; at += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }
}
