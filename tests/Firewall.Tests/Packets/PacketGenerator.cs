using Firewall.Core.Packets;

namespace Firewall.Tests.Packets;

/// <summary>Random packets: right ones of every kind that <see cref="PacketBuilder"/> knows, and such with a few bytes spoiled.</summary>
public sealed class PacketGenerator(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>A right packet.</summary>
    public byte[] Next()
    {
        bool v4 = _random.Next(2) == 0;
        string source = Endpoint(v4, port: true);
        string destination = Endpoint(v4, port: true);
        int payload = _random.Next(4) == 0 ? 0 : _random.Next(200);
        byte[] packet = _random.Next(6) switch
        {
            0 or 1 => PacketBuilder.Tcp(
                source, destination, (TcpFlags)_random.Next(256), (uint)_random.NextInt64(1L << 32), (uint)_random.NextInt64(1L << 32), (ushort)_random.Next(65536), payload, TcpOptions()),
            2 => PacketBuilder.Udp(source, destination, payload),
            3 => PacketBuilder.IcmpEcho(Endpoint(v4, port: false), Endpoint(v4, port: false), (ushort)_random.Next(65536), reply: _random.Next(2) == 0, payload: payload),
            4 => PacketBuilder.IcmpError(
                Endpoint(v4, port: false), Endpoint(v4, port: false), v4 ? (byte)3 : (byte)1, (byte)_random.Next(16), PacketBuilder.Udp(source, destination, payload), _random.Next(2) == 0 ? -1 : 28),
            _ => PacketBuilder.Ip(Endpoint(v4, port: false), Endpoint(v4, port: false), AnyOtherProtocol(), new byte[payload]),
        };
        if (_random.Next(8) == 0 && packet.Length > 72)
        {
            byte[][] fragments = PacketBuilder.Fragments(packet, 8 * _random.Next(3, 7), (uint)_random.Next());
            packet = fragments[_random.Next(fragments.Length)];
        }
        else if (v4 && _random.Next(6) == 0)
        {
            packet = PacketBuilder.WithIPv4Options(packet, new byte[_random.Next(1, 41)]);
        }
        else if (!v4 && _random.Next(3) == 0)
        {
            packet = PacketBuilder.WithExtensions(packet, ExtensionHeaders());
        }

        return packet;
    }

    /// <summary>A packet with up to four bytes changed, and perhaps some cut off or added at the end.</summary>
    public byte[] NextSpoiled()
    {
        byte[] packet = Next();
        for (int i = _random.Next(5); i > 0; i--)
        {
            // Most of what matters stands in the first bytes.
            int offset = _random.Next(_random.Next(2) == 0 ? Math.Min(80, packet.Length) : packet.Length);
            packet[offset] = _random.Next(3) == 0 ? (byte)_random.Next(256) : (byte)(packet[offset] ^ (1 << _random.Next(8)));
        }

        return _random.Next(8) switch
        {
            0 => packet[.._random.Next(packet.Length + 1)],
            1 => [.. packet, .. new byte[_random.Next(1, 20)]],
            _ => packet,
        };
    }

    private string Endpoint(bool v4, bool port)
    {
        string address = v4
            ? $"{_random.Next(1, 224)}.{_random.Next(256)}.{_random.Next(256)}.{_random.Next(256)}"
            : $"20{_random.Next(10, 99)}:{_random.Next(65536):x}::{_random.Next(65536):x}";
        if (!port) return address;
        return v4 ? $"{address}:{_random.Next(1, 65536)}" : $"[{address}]:{_random.Next(1, 65536)}";
    }

    private byte AnyOtherProtocol()
    {
        while (true)
        {
            byte protocol = (byte)_random.Next(256);
            bool known = protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp or IpProtocol.Icmpv6;
            if (!known && !Ipv6ExtensionWalk.IsExtension(protocol)) return protocol;
        }
    }

    private byte[] TcpOptions() => _random.Next(4) switch
    {
        0 => [],
        1 => PacketBuilder.TcpOptions((ushort)_random.Next(65536), (byte)_random.Next(16), _random.Next(2) == 0, (uint)_random.Next()),
        2 => [254, (byte)_random.Next(2, 41), .. new byte[38]],
        _ => [.. Enumerable.Range(0, _random.Next(41)).Select(_ => (byte)_random.Next(12))],
    };

    private (byte, byte[])[] ExtensionHeaders()
    {
        byte[] kinds = [43, 60, 135, 139, 140, 44, 51];
        (byte, byte[])[] headers = new (byte, byte[])[_random.Next(1, 4)];
        for (int i = 0; i < headers.Length; i++)
        {
            byte kind = i == 0 && _random.Next(3) == 0 ? (byte)0 : kinds[_random.Next(kinds.Length)];
            byte[] body = kind == 44 ? PacketBuilder.FragmentBody(0, false, (uint)_random.Next()) : PacketBuilder.PaddingBody(8 * _random.Next(1, 5));
            if (kind is not (0 or 44)) _random.NextBytes(body.AsSpan(1));
            headers[i] = (kind, body);
        }

        return headers;
    }
}
