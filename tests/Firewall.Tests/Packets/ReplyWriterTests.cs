using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class ReplyWriterTests
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";
    private const string Client6 = "[2001:db8::5]:40000";
    private const string Server6 = "[fd00::4]:22";

    [Theory]
    [InlineData(Client, Server)]
    [InlineData(Client6, Server6)]
    public void A_SYN_is_answered_by_a_reset_that_acknowledges_it(string client, string server)
    {
        byte[] reset = Reset(PacketBuilder.Tcp(client, server, TcpFlags.Syn, seq: uint.MaxValue, options: [1, 1, 1, 1]));
        PacketInfo info = ParseReply(reset, server, client);
        Assert.Equal((22, 40000, 0u, 0u), (info.SourcePort, info.DestinationPort, info.Sequence, info.Acknowledgment));
        Assert.Equal(TcpFlags.Rst | TcpFlags.Ack, info.TcpFlags);
    }

    [Fact]
    public void Data_with_FIN_but_without_ACK_is_acknowledged_as_a_whole() =>
        Assert.Equal(1111u, ParseReply(Reset(PacketBuilder.Tcp(Client, Server, TcpFlags.Fin, seq: 1000, payload: 110)), Server, Client).Acknowledgment);

    [Fact]
    public void A_segment_with_ACK_is_reset_at_the_number_it_acknowledged()
    {
        PacketInfo info = ParseReply(Reset(PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, seq: 5, ack: 777, payload: 10)), Server, Client);
        Assert.Equal((TcpFlags.Rst, 777u), (info.TcpFlags, info.Sequence));
    }

    [Fact]
    public void An_IPv4_message_quotes_as_much_as_576_bytes_hold()
    {
        byte[] packet = PacketBuilder.Udp(Client, Server, 1001);
        byte[] message = Prohibited(packet);
        PacketInfo info = ParseReply(message, Server, Client);
        Assert.Equal((576, IpProtocol.Icmp, 3, 13), (info.Length, info.Protocol, info.IcmpType, info.IcmpCode));
        Assert.Equal(packet[..548], message[28..]);
        Assert.True(EmbeddedPacket.TryRead(message, info, out PacketInfo embedded));
        Assert.Equal((40000, 22), (embedded.SourcePort, embedded.DestinationPort));
    }

    [Theory]
    [InlineData(1000, 40 + 8 + 48 + 1000)]
    [InlineData(1001, 40 + 8 + 48 + 1001)]
    [InlineData(9000, 1280)]
    public void An_IPv6_message_quotes_as_much_as_1280_bytes_hold(int payload, int length)
    {
        byte[] packet = PacketBuilder.Udp(Client6, Server6, payload);
        byte[] message = Prohibited(packet);
        PacketInfo info = ParseReply(message, Server6, Client6);
        Assert.Equal((length, IpProtocol.Icmpv6, 1, 1), (info.Length, info.Protocol, info.IcmpType, info.IcmpCode));
        Assert.Equal(packet[..(length - 48)], message[48..]);
    }

    [Fact]
    public void A_ping_may_be_answered() => Assert.NotEmpty(Prohibited(PacketBuilder.IcmpEcho("203.0.113.5", "10.0.0.4", 1)));

    [Fact]
    public void Padding_is_not_quoted() =>
        Assert.Equal(28 + 28 + 3, Prohibited([.. PacketBuilder.Udp(Client, Server, 3), 0, 0, 0, 0]).Length);

    [Fact]
    public void No_reset_is_sent_where_none_may_be()
    {
        Assert.Empty(Reset(PacketBuilder.Tcp(Client, Server, TcpFlags.Rst)));
        Assert.Empty(Reset(PacketBuilder.Udp(Client, Server)));
        Assert.Empty(Reset(PacketBuilder.Fragments(PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, payload: 100), 64, 1)[0]));
        Assert.Empty(Reset(PacketBuilder.Tcp("224.0.0.1:1", Server, TcpFlags.Syn)));
        Assert.Empty(Reset(PacketBuilder.Tcp(Client, "255.255.255.255:22", TcpFlags.Syn)));
        Assert.Empty(Reset(PacketBuilder.Tcp("[::]:1", Server6, TcpFlags.Syn)));
    }

    [Fact]
    public void No_message_is_sent_where_none_may_be()
    {
        byte[] udp = PacketBuilder.Udp(Client, Server, 60);
        Assert.Empty(Prohibited(PacketBuilder.IcmpError("203.0.113.5", "10.0.0.4", 3, 1, udp)));
        Assert.Empty(Prohibited(PacketBuilder.IcmpEcho("203.0.113.5", "10.0.0.4", 1, reply: true)));
        Assert.Empty(Prohibited(PacketBuilder.Fragments(udp, 32, 1)[1]));
        Assert.Empty(Prohibited(PacketBuilder.Udp(Client, "239.1.1.1:5353")));
        Assert.Empty(Prohibited(PacketBuilder.Udp("0.0.0.0:68", "255.255.255.255:67")));
        Assert.Empty(Prohibited(PacketBuilder.Udp("127.0.0.1:68", Server)));
        Assert.Empty(Prohibited(PacketBuilder.Udp(Client6, "[ff02::fb]:5353")));
        Assert.Empty(Prohibited(PacketBuilder.Udp("[::1]:1", Server6)));
    }

    [Fact]
    public void A_destination_without_room_gets_nothing()
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn);
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.Equal(0, ReplyWriter.WriteTcpReset(packet, info, new byte[39]));
        Assert.Equal(40, ReplyWriter.WriteTcpReset(packet, info, new byte[40]));
        Assert.Equal(0, ReplyWriter.WriteAdminProhibited(packet, info, new byte[67]));
    }

    private static byte[] Reset(byte[] packet)
    {
        byte[] destination = new byte[ReplyWriter.MaxLength];
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        return destination[..ReplyWriter.WriteTcpReset(packet, info, destination)];
    }

    private static byte[] Prohibited(byte[] packet)
    {
        byte[] destination = new byte[ReplyWriter.MaxLength];
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        return destination[..ReplyWriter.WriteAdminProhibited(packet, info, destination)];
    }

    private static PacketInfo ParseReply(byte[] reply, string source, string destination)
    {
        Assert.Equal(MalformedReason.None, PacketParser.Parse(reply, out PacketInfo info));
        Assert.Equal(reply.Length, info.Length);
        Assert.Equal(PacketBuilder.AddressOf(source), info.Source);
        Assert.Equal(PacketBuilder.AddressOf(destination), info.Destination);
        Assert.True(PacketBuilder.HasRightChecksums(reply), "checksums");
        return info;
    }
}
