using System.Globalization;
using Firewall.Tests.Packets;

namespace Firewall.SystemTests.Conntrack;

/// <summary>Conversations that are not TCP, drawn from a seed: datagrams, pings, other protocols, and ICMP errors about all of them.</summary>
internal static class IcmpScript
{
    /// <summary>The packets of a conversation.</summary>
    public static IReadOnlyList<TestPacket> Draw(Random random, bool isIPv6, int number)
    {
        var packets = new List<TestPacket>();
        string outside = isIPv6 ? "2001:db8::5" : "203.0.113.5";
        string inside = isIPv6 ? "fd00::4" : "10.0.0.4";
        bool startsInside = random.Next(2) == 0;
        int kind = random.Next(5);
        int steps = random.Next(1, 12);
        for (int i = 0; i < steps; i++)
        {
            bool isForward = i == 0 || random.Next(2) == 0;
            bool isFromOutside = isForward != startsInside;
            string from = isFromOutside ? outside : inside;
            string to = isFromOutside ? inside : outside;
            bool isOdd = random.Next(8) == 0;
            packets.Add(kind switch
            {
                < 2 => Datagram(random, isForward, isFromOutside, from, to, number, isOdd),
                < 4 => Echo(random, isForward != isOdd, isFromOutside, from, to, (ushort)(number + (random.Next(8) == 0 ? 1 : 0))),
                _ => Other(isFromOutside, from, to, (byte)(200 + number % 50)),
            });
            if (random.Next(5) == 0) packets.Add(Error(random, packets[random.Next(packets.Count)], isIPv6));
        }

        return packets;
    }

    /// <summary>An ICMP error about a packet, in most cases the way that a router would send it.</summary>
    public static TestPacket Error(Random random, TestPacket about, bool isIPv6)
    {
        string outside = isIPv6 ? "2001:db8::5" : "203.0.113.5";
        string inside = isIPv6 ? "fd00::4" : "10.0.0.4";
        bool isToOutside = about.FromOutside != (random.Next(10) == 0);
        string router = isToOutside ? (isIPv6 ? "fd00::1" : "10.0.0.1") : isIPv6 ? "2001:db8::1" : "203.0.113.1";
        if (random.Next(5) == 0) router = isToOutside ? inside : outside;
        string to = isToOutside ? outside : inside;
        if (random.Next(12) == 0) to = isToOutside ? (isIPv6 ? "2001:db8::6" : "203.0.113.6") : isIPv6 ? "fd00::5" : "10.0.0.5";
        (byte type, byte code) = isIPv6
            ? ((byte)random.Next(1, 5), (byte)random.Next(2))
            : (random.Next(6) switch { 0 => ((byte)11, (byte)0), 1 => ((byte)12, (byte)0), 2 => ((byte)4, (byte)0), _ => ((byte)3, (byte)random.Next(14)) });
        byte[] quoted = [.. about.Bytes];
        int transport = isIPv6 ? 40 : 20;
        string text = "";
        if (random.Next(6) == 0)
        {
            quoted[transport + random.Next(4)] ^= 1; // another port
            text = " (spoiled)";
        }

        int quote = random.Next(3) switch { 0 => transport + 8, 1 => transport + random.Next(4, 40), _ => Math.Min(quoted.Length, 576) };
        byte[] bytes = PacketBuilder.IcmpError(router, to, type, code, quoted, quote, isIPv6 && type == 2 ? 1_280u : !isIPv6 && (type, code) == (3, 4) ? 1_280u : 0);
        text = string.Create(CultureInfo.InvariantCulture, $"{router} > {to} icmp type={type} code={code} quote={quote} about: {about.Text}{text}");
        return new TestPacket(bytes, !isToOutside, text);
    }

    private static TestPacket Datagram(Random random, bool isForward, bool isFromOutside, string from, string to, int number, bool isOdd)
    {
        int far = 1_024 + (number % 60_000);
        int near = isOdd ? 54 : 53;
        string source = Endpoint(from, isForward ? far : near);
        string destination = Endpoint(to, isForward ? near : far);
        int length = random.Next(100);
        return new TestPacket(PacketBuilder.Udp(source, destination, length), isFromOutside, $"{source} > {destination} udp len={length}");
    }

    private static TestPacket Echo(Random random, bool isRequest, bool isFromOutside, string from, string to, ushort id)
    {
        byte[] bytes = PacketBuilder.IcmpEcho(from, to, id, (ushort)random.Next(10), !isRequest, random.Next(60));
        return new TestPacket(bytes, isFromOutside, $"{from} > {to} {(isRequest ? "echo" : "reply")} id={id}");
    }

    private static TestPacket Other(bool isFromOutside, string from, string to, byte protocol) =>
        new(PacketBuilder.Ip(from, to, protocol, new byte[32]), isFromOutside, $"{from} > {to} proto {protocol}");

    private static string Endpoint(string address, int port) =>
        address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}" : $"{address}:{port}";
}
