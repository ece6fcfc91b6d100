using System.Net;
using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Packets that leave together in super-packets arrive at hosts as they were sent: through a real TUN and the kernel's segmentation.</summary>
public sealed class CoalescingTests : IDisposable
{
    private const int Datagrams = 50_000;
    private const int Flows = 3;
    private const int Port = 5000;

    private readonly Lab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(Lab.ClientV4, Lab.VmV4, 18)]
    [InlineData(Lab.ClientV6, Lab.VmV6, 18)]
    [InlineData(Lab.ClientV4, Lab.VmV4, 1400)]
    public void Datagrams_arrive_each_once_unchanged_and_in_order(string client, string vm, int length)
    {
        // Less than a batch, in packets and in bytes. The firewall reads when a burst is complete, so that it is one batch, always.
        int burst = Math.Min(60, 60_000 / (length + 100));
        using var burstSent = new SemaphoreSlim(0);
        using PassThrough firewall = Carry(() => burstSent.Wait());
        try
        {
            UdpPeer[] senders = [.. Enumerable.Range(0, Flows).Select(_ => new UdpPeer(_lab.Client, client))];
            using var receiver = new UdpPeer(_lab.Vm, vm, Port);
            receiver.Socket.ReceiveTimeout = 10_000;
            var target = new IPEndPoint(IPAddress.Parse(vm), Port);
            var random = new Random(1);
            byte[] buffer = new byte[2000];
            EndPoint from = new IPEndPoint(target.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);

            // Connected: the kernel then counts the identification up for each socket, and not for all together.
            foreach (UdpPeer sender in senders) sender.Socket.Connect(target);
            senders[0].Socket.Send([0]); // the neighbours get to know each other
            burstSent.Release();
            receiver.Socket.Receive(buffer);
            for (int sent = 0; sent < Datagrams; sent += burst)
            {
                var expected = new Dictionary<int, Queue<byte[]>>();
                for (int i = 0; i < burst; i++)
                {
                    byte[] datagram = new byte[i % 17 == 16 ? length - 1 : length];
                    random.NextBytes(datagram);
                    Socket sender = senders[random.Next(Flows)].Socket;
                    sender.Send(datagram);
                    int port = ((IPEndPoint)sender.LocalEndPoint!).Port;
                    if (!expected.TryGetValue(port, out Queue<byte[]>? queue)) expected[port] = queue = new Queue<byte[]>();
                    queue.Enqueue(datagram);
                }

                burstSent.Release();
                for (int i = 0; i < burst; i++)
                {
                    int count = receiver.Socket.ReceiveFrom(buffer, ref from);
                    Assert.Equal(expected[((IPEndPoint)from).Port].Dequeue(), buffer[..count]);
                }
            }

            foreach (UdpPeer sender in senders) sender.Dispose();
            Assert.Equal(0, firewall.Device.WriteErrors);
            long coalesced = firewall.Device.CoalescedPackets;
            Assert.True(coalesced > Datagrams * 8 / 10, $"only {coalesced} of {Datagrams} datagrams were coalesced");
        }
        finally
        {
            burstSent.Release(1_000_000);
        }
    }

    [Theory]
    [InlineData(Lab.VmV4)]
    [InlineData(Lab.VmV6)]
    public void Segments_of_a_sender_without_offload_arrive_as_the_same_stream(string vm)
    {
        _lab.Client.Ip("link", "set", "outside", "gso_max_segs", "1");
        using PassThrough firewall = Carry(() => Thread.SpinWait(5_000));
        using var transfer = new BulkTransfer(_lab, Port, vm);
        Wait.Until(() => transfer.Received > 100 << 20, "100 MiB did not come through");
        transfer.EndWhole();
        Assert.Equal(0, firewall.Device.WriteErrors);
        Assert.True(firewall.Device.CoalescedPackets > 10_000, $"only {firewall.Device.CoalescedPackets} segments were coalesced");
    }

    [Fact]
    public void Turned_off_every_packet_leaves_as_it_came()
    {
        _lab.Client.Ip("link", "set", "outside", "gso_max_segs", "1");
        using PassThrough firewall = Carry(() => Thread.SpinWait(5_000), new TunOptions { Coalesce = false });
        using var transfer = new BulkTransfer(_lab, Port);
        Wait.Until(() => transfer.Received > 10 << 20, "10 MiB did not come through");
        transfer.EndWhole();
        Assert.Equal(0, firewall.Device.CoalescedPackets);
    }

    private PassThrough Carry(Action beforeReading, TunOptions? options = null) => _lab.Gateway.Inside(() =>
    {
        var firewall = new PassThrough(options, beforeReading);
        new GatewayRouting(new RoutingOptions { TunName = "fw0", Interfaces = ["outside", "inside"], StateDirectory = _lab.Files["state"] }).Apply();
        return firewall;
    });
}
