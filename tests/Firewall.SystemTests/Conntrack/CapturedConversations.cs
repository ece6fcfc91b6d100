using System.Globalization;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;
using Firewall.Tests.Devices.Captures;
using Firewall.Tests.Packets;

namespace Firewall.SystemTests.Conntrack;

/// <summary>
/// The conversations of real captures, for both firewalls: each gets two addresses of its own, an inside one for the end that speaks first, so
/// that the rules let it in whatever it is. Left out are fragments, packets that were cut short or are malformed, and ICMP other than echo.
/// </summary>
internal static class CapturedConversations
{
    private const int MarkerPort = 9;

    /// <summary>All conversations of one family, or a skipped test where there are no captures.</summary>
    public static IEnumerable<(string File, IReadOnlyList<TestPacket> Packets)> ReadAll(bool isIPv6)
    {
        int number = 0;
        foreach (string path in SharedCaptures.RequireAll())
        {
            var conversations = new Dictionary<FlowKey, (int Number, IpAddress First, List<TestPacket> Packets)>();
            try
            {
                using CaptureReader reader = CaptureReader.OpenFile(path);
                while (reader.TryReadNext(out CapturedPacket packet))
                {
                    if (!packet.IsIp || packet.WireLength != packet.Packet.Length) continue;
                    if (PacketParser.Parse(packet.Packet, packet.WireLength, out PacketInfo info) != MalformedReason.None || info.IsIPv4 == isIPv6 || !IsWanted(info)) continue;
                    var key = FlowKey.Of(info, out _);
                    if (!conversations.TryGetValue(key, out var conversation)) conversations.Add(key, conversation = (++number, info.Source, []));
                    conversation.Packets.Add(Moved(packet.Packet, info, conversation.Number, info.Source != conversation.First));
                }
            }
            catch (CaptureException)
            {
                // Many of these files are broken on purpose; what was read before counts.
            }

            foreach ((_, _, List<TestPacket> packets) in conversations.Values) yield return (Path.GetFileName(path), packets);
        }
    }

    private static bool IsWanted(in PacketInfo info) => !info.IsFragment && info.Source != info.Destination && info.Protocol switch
    {
        IpProtocol.Tcp => true,
        IpProtocol.Udp => info.DestinationPort != MarkerPort,
        _ => info.IsIcmpRequest || info.IsIcmpReply,
    };

    private static TestPacket Moved(ReadOnlySpan<byte> packet, in PacketInfo info, int number, bool fromOutside)
    {
        string inside = string.Create(CultureInfo.InvariantCulture, $"10.1.{number >> 8}.{number & 0xFF}");
        string outside = string.Create(CultureInfo.InvariantCulture, $"198.51.{number >> 8}.{number & 0xFF}");
        if (!info.IsIPv4) (inside, outside) = (string.Create(CultureInfo.InvariantCulture, $"fd00::1:{number:x}"), string.Create(CultureInfo.InvariantCulture, $"2001:db8::1:{number:x}"));
        (string source, string destination) = fromOutside ? (outside, inside) : (inside, outside);
        byte[] bytes = PacketBuilder.Ip(source, destination, info.Protocol, packet[info.TransportOffset..info.Length].ToArray());
        string text = info.Protocol == IpProtocol.Tcp
            ? string.Create(CultureInfo.InvariantCulture, $"{source}:{info.SourcePort} > {destination}:{info.DestinationPort} tcp [{info.TcpFlags}] seq={info.Sequence} ack={info.Acknowledgment} win={info.Window} len={info.PayloadLength}")
            : string.Create(CultureInfo.InvariantCulture, $"{source}:{info.SourcePort} > {destination}:{info.DestinationPort} protocol {info.Protocol}");
        return new TestPacket(bytes, fromOutside, text);
    }
}
