using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Firewall.SystemTests.Appliance;

public sealed class ReloadTests
{
    private const int Reloads = 21;

    [Fact]
    public async Task No_datagram_is_lost_while_the_rules_change_in_every_way()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        using var receiver = new UdpPeer(lab.Vm, Lab.VmV4, 5001);
        using var sender = new UdpPeer(lab.Client, Lab.ClientV4);

        using var done = new CancellationTokenSource();
        Task<long> sending = Task.Run(() => SendNumbers(sender.Socket, new IPEndPoint(IPAddress.Parse(Lab.VmV4), 5001), done.Token));
        Task<List<long>> receiving = Task.Run(() => ReceiveNumbers(receiver));
        ChangeRules(lab, appliance);
        await done.CancelAsync();
        long sent = await sending;
        List<long> received = await receiving;

        Assert.True(sent > 1000, $"only {sent} datagrams were sent");
        Assert.Equal(Enumerable.Range(0, (int)sent).Select(i => (long)i), received);
    }

    [Fact]
    public void A_bulk_transfer_arrives_whole_while_the_rules_change()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        using var transfer = new BulkTransfer(lab, 5002);
        ChangeRules(lab, appliance);
        Assert.True(transfer.EndWhole() > 10_000_000);
    }

    [Fact]
    public void A_broken_rules_file_changes_nothing_and_is_named_with_place_and_remedy()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();

        lab.WriteRules(Nsg.Group(Nsg.Rule("too-high", 9999, "Udp", "53")));
        string line = appliance.WaitForLog("error", lab.Rules, "SecurityRuleInvalidPriority");
        Assert.Contains("securityRules[0]", line, StringComparison.Ordinal);
        appliance.WaitForLog("policy 1 is in force");
        using (var asker = new UdpPeer(lab.Client, Lab.ClientV4)) Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));

        lab.WriteRules("{ \"name\": \"nsg-test\", ");
        appliance.WaitForLog("error", lab.Rules, "InvalidJson");
        File.Delete(lab.Rules);
        appliance.WaitForLog("error", lab.Rules, "does not exist");
        using (var asker = new UdpPeer(lab.Client, Lab.ClientV4)) Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));

        lab.WriteRules(Nsg.Group());
        appliance.WaitForPolicy(2);
        using (var asker = new UdpPeer(lab.Client, Lab.ClientV4)) Assert.Null(asker.Ask(Lab.VmV4, 5000, [1, 2]));
    }

    // Each time another policy, so that each one shows in the log; all of them allow what is being sent.
    private static void ChangeRules(Lab lab, RunningAppliance appliance)
    {
        Action<Lab, string>[] ways = [RulesFileWriters.InPlace, RulesFileWriters.RenameOver, RulesFileWriters.SymbolicLinks];
        for (int i = 0; i < Reloads; i++)
        {
            ways[i / (Reloads / ways.Length)](lab, Nsg.Group(Nsg.AllowService, Nsg.Rule($"another-{i}", 200 + i, "Tcp", "80")));
            appliance.WaitForPolicy(2 + i);
        }
    }

    // About 2000 a second: enough that a gap of a few milliseconds would lose some, and far from what the machine can carry.
    private static long SendNumbers(Socket socket, IPEndPoint to, CancellationToken done)
    {
        byte[] datagram = new byte[64];
        long number = 0;
        long start = Stopwatch.GetTimestamp();
        while (!done.IsCancellationRequested)
        {
            long due = (long)(Stopwatch.GetElapsedTime(start).TotalMilliseconds * 2);
            for (; number < due; number++)
            {
                BinaryPrimitives.WriteInt64BigEndian(datagram, number);
                socket.SendTo(datagram, to);
            }

            done.WaitHandle.WaitOne(1);
        }

        // The last one says that it is over.
        BinaryPrimitives.WriteInt64BigEndian(datagram, -1);
        socket.SendTo(datagram, to);
        return number;
    }

    private static List<long> ReceiveNumbers(UdpPeer receiver)
    {
        List<long> numbers = [];
        while (receiver.Receive(TimeSpan.FromSeconds(20), out _) is { } datagram)
        {
            long number = BinaryPrimitives.ReadInt64BigEndian(datagram);
            if (number < 0) break;
            numbers.Add(number);
        }

        return numbers;
    }
}
