using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>What a router tells its link (RFC 4861 section 4.2), from a raw socket.</summary>
internal static class RouterAdvertisement
{
    /// <summary>Sends one that offers a default route for half an hour.</summary>
    public static void Send(NetworkNamespace router, string interfaceName) => router.Inside(() =>
    {
        int index = router.IndexOf(interfaceName);
        using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.IcmpV6);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastTimeToLive, 255);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, index);
        byte[] advertisement = [134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal(advertisement.Length, socket.SendTo(advertisement, new IPEndPoint(IPAddress.Parse("ff02::1"), 0)));
    });
}
