using System.Net;
using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>However packets are read and written, those of one flow keep their order, under more load than can be carried.</summary>
public sealed class DatagramOrderTests : IDisposable
{
    private const int Flows = 64;
    private const int Datagrams = 300_000;
    private const int Port = 5000;

    private readonly Lab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(true, true, 1)]
    [InlineData(true, true, 2)]
    [InlineData(true, false, 1)]
    [InlineData(false, true, 1)]
    [InlineData(false, true, 2)]
    [InlineData(false, true, 5)]
    [InlineData(false, false, 1)]
    public void Numbered_datagrams_of_many_flows_come_in_the_order_in_which_they_were_sent(bool useRing, bool coalesce, int queues)
    {
        using PassThrough firewall = _lab.Gateway.Inside(() =>
        {
            var carrier = new PassThrough(new TunOptions { UseRing = useRing, Coalesce = coalesce, Queues = queues });
            new GatewayRouting(new RoutingOptions { TunName = "fw0", Interfaces = ["outside", "inside"], StateDirectory = _lab.Files["state"] }).Apply();
            return carrier;
        });
        UdpPeer[] senders = [.. Enumerable.Range(0, Flows).Select(_ => new UdpPeer(_lab.Client, Lab.ClientV4))];
        foreach (UdpPeer sender in senders) sender.Socket.Connect(IPAddress.Parse(Lab.VmV4), Port);
        using var receiver = new UdpPeer(_lab.Vm, Lab.VmV4, Port);
        Task<(int Received, int Reordered)> receiving = Task.Factory.StartNew(() => Receive(receiver.Socket), TaskCreationOptions.LongRunning);
        byte[] datagram = new byte[36];
        for (int i = 0; i < Datagrams; i++)
        {
            // In runs of four, as senders with several datagrams to send do.
            int flow = i / 4 % Flows;
            BitConverter.TryWriteBytes(datagram, flow);
            BitConverter.TryWriteBytes(datagram.AsSpan(4), i);
            senders[flow].Socket.Send(datagram);
        }

        (int received, int reordered) = Wait(receiving);
        foreach (UdpPeer sender in senders) sender.Dispose();
        Assert.Equal(0, reordered);
        Assert.True(received > Datagrams / 10, $"only {received} came");
        if (!useRing) Assert.False(firewall.Device.UsesRing);
    }

    private static (int Received, int Reordered) Wait(Task<(int Received, int Reordered)> receiving) => receiving.GetAwaiter().GetResult();

    private static (int Received, int Reordered) Receive(Socket socket)
    {
        int[] last = new int[Flows];
        byte[] datagram = new byte[64];
        int received = 0;
        int reordered = 0;
        socket.ReceiveTimeout = 5000;
        try
        {
            while (true)
            {
                socket.Receive(datagram);
                socket.ReceiveTimeout = 1000;
                int flow = BitConverter.ToInt32(datagram);
                int number = BitConverter.ToInt32(datagram, 4) + 1;
                if (number <= last[flow]) reordered++;
                last[flow] = number;
                received++;
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return (received, reordered);
        }
    }
}
