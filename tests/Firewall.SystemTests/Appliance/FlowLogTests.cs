using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Firewall.SystemTests.Linux;
using Firewall.Tests.FlowLogs;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Flow logs of real traffic through a real TUN: all of it is there, in files that are whole whatever happens to the process or the disk.</summary>
public sealed partial class FlowLogTests
{
    private const int DatagramLength = 20 + 8 + 64;

    [Fact]
    public void Packets_and_bytes_add_up_to_what_was_sent_and_what_the_interface_counted()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = Start(lab, lab.Files["logs"]);
        int sent;
        long transferred;
        using (var datagrams = new NumberedDatagrams(lab, 5000, 5_000))
        using (var transfer = new BulkTransfer(lab, 5001))
        {
            Wait.Until(() => datagrams.Received > 10_000 && transfer.Received > 50_000_000, "too little came through");
            transferred = transfer.EndWhole();
            (sent, IReadOnlyList<int> lost) = datagrams.End();
            Assert.Empty(lost);
        }

        using (var refused = new UdpPeer(lab.Client, Lab.ClientV4, 40_000))
        {
            for (int i = 0; i < 3; i++) refused.Socket.SendTo([1, 2, 3], new IPEndPoint(IPAddress.Parse(Lab.VmV4), 53));
        }

        appliance.WaitForLog("Denied ", $"{Lab.VmV4}:53");
        (long packets, long bytes) = (Counted(lab, "packets"), Counted(lab, "bytes"));
        Assert.Equal(0, appliance.Terminate());
        Match stopped = Stopped().Match(appliance.WaitForLog("Stopped; "));
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Files["logs"]);
        List<AzureTuple> nsg = AzureFlowLogReader.ReadNsg(lab.Files["logs"]);
        foreach (List<AzureTuple> tuples in (List<AzureTuple>[])[vnet, nsg])
        {
            List<AzureTuple> udp = tuples.FindAll(t => t.Flow.Contains(",5000,", StringComparison.Ordinal));
            Assert.Equal((sent, (long)sent * DatagramLength), (udp.Sum(t => t.PacketsSent), udp.Sum(t => t.BytesSent)));
            List<AzureTuple> tcp = tuples.FindAll(t => t.Flow.Contains(",5001,", StringComparison.Ordinal));
            Assert.InRange(tcp.Sum(t => t.BytesSent), transferred, transferred * 1.1);
            Assert.All(udp.Concat(tcp), t => Assert.Equal("UserRule_allow-service", t.Rule));
            AzureTuple denied = Assert.Single(tuples, t => t.State == 'D');
            Assert.StartsWith($"{Lab.ClientV4},{Lab.VmV4},40000,53,", denied.Flow, StringComparison.Ordinal);
            Assert.Equal(Number(stopped, "allowed"), tuples.Sum(t => t.PacketsSent + t.PacketsReceived));
            Assert.Equal(packets, Number(stopped, "allowed") + Number(stopped, "denied"));
            // The three refused datagrams are all that was denied: segments that came behind the end of the transfer would show here.
            Assert.Equal(bytes, tuples.Sum(t => t.BytesSent + t.BytesReceived) + (Number(stopped, "denied") * (20 + 8 + 3)));
        }

        // The same within a second on standard output, for log shippers.
        JsonElement line = JsonDocument.Parse(appliance.WaitForLog("\"state\":\"Begin\"", "\"destinationPort\":5000")).RootElement;
        Assert.Equal("UserRule_allow-service", line.GetProperty("rule").GetString());
    }

    [Fact]
    public void An_upgrade_neither_loses_nor_doubles_what_a_flow_has_sent()
    {
        using var lab = new Lab();
        string logs = lab.Files["logs"];
        using RunningAppliance first = Start(lab, logs);
        int sent;
        using (var datagrams = new NumberedDatagrams(lab, 5000, 5_000))
        {
            Wait.Until(() => datagrams.Received > 5_000, "too little came through");
            using RunningAppliance second = RunningAppliance.Follow(lab.Gateway, lab.Configuration(), Environment(logs));
            Assert.Equal(0, first.WaitForEnd());
            int before = datagrams.Received;
            Wait.Until(() => datagrams.Received > before + 5_000, "nothing comes through any more");
            (sent, IReadOnlyList<int> lost) = datagrams.End();
            Assert.Empty(lost);
            Assert.Equal(0, second.Terminate());
        }

        Assert.Equal(sent, AzureFlowLogReader.ReadVnet(logs).Sum(t => t.PacketsSent));
        Assert.Equal((long)sent * DatagramLength, AzureFlowLogReader.ReadNsg(logs).Sum(t => t.BytesSent));
    }

    [Fact]
    public void A_full_disk_costs_lines_and_no_packet_and_leaves_whole_files()
    {
        using var lab = new Lab();
        Directory.CreateDirectory(lab.Files["logs"]);
        // In a mount namespace of its own: a disk that is full within seconds.
        using RunningAppliance appliance = Start(
            lab, lab.Files["logs"], "unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=512k disk \"$0\" && exec \"$@\"", lab.Files["logs"]);
        appliance.WaitForLog("Admin socket ");
        using (var datagrams = new NumberedDatagrams(lab, 5000, 5_000))
        {
            OpenFlows(lab, 2_000);
            appliance.WaitForLog("Flow log VNet cannot be written (", "what happens meanwhile is missing there");
            int before = datagrams.Received;
            Wait.Until(() => datagrams.Received > before + 5_000, "nothing comes through any more");
            Assert.Empty(datagrams.End().Lost);
        }

        string inside = $"/proc/{appliance.Process}/root{lab.Files["logs"]}";
        Assert.NotEmpty(AzureFlowLogReader.ReadVnet(inside));
        AzureFlowLogReader.ReadNsg(inside);
        string metrics = lab.Gateway.Run("curl", "-s", "--unix-socket", "/run/firewall/" + Socket(appliance), "http://localhost/metrics");
        Assert.True(long.Parse(Lost().Match(metrics).Groups[1].Value, CultureInfo.InvariantCulture) > 0, metrics);
        Assert.Equal(0, appliance.Terminate());
    }

    [Fact]
    public void After_kills_at_any_moment_the_next_start_leaves_whole_files()
    {
        using var lab = new Lab();
        string logs = lab.Files["logs"];
        Directory.CreateDirectory(logs);
        int before = 0;
        for (int kill = 0; kill < 4; kill++)
        {
            using RunningAppliance appliance = Start(lab, logs);
            List<AzureTuple> tuples = [];
            Wait.Until(() => AreWhole(logs, out tuples), "a file was left unfinished"); // it is done in the background
            Assert.True(tuples.Count >= before, "what was written is gone");
            before = tuples.Count;
            OpenFlows(lab, 1_000);
            Wait.Until(() => Directory.EnumerateFiles(logs, "PT1H.json", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length) > (kill + 1) * 50_000, "nothing is written");
            appliance.Kill();
        }
    }

    [Fact]
    public void After_kills_at_any_moment_all_logs_have_every_packet_of_the_flows_that_go_on()
    {
        const int Flows = 8;
        const int Asked = 25;
        using var lab = new Lab();
        string logs = lab.Files["logs"];
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        UdpPeer[] askers = [.. Enumerable.Range(0, Flows).Select(i => new UdpPeer(lab.Client, Lab.ClientV4, 20_000 + i))];
        int seed = System.Environment.TickCount;
        var random = new Random(seed);
        for (int kill = 0; kill < 6; kill++)
        {
            using RunningAppliance appliance = Start(lab, logs);
            // An answer says that both have passed.
            foreach (UdpPeer asker in askers)
            {
                for (byte i = 0; i < Asked; i++) Assert.Equal([1, i], asker.Ask(Lab.VmV4, 5000, [i, 1]));
            }

            Thread.Sleep(random.Next(1_200)); // the moment is the point of the test
            // Records are written when a second begins: a kill between a record and the note of it doubles its entries (decision 20).
            Wait.Until(static () => DateTime.UtcNow.Millisecond > 150, "no clock");
            if (kill < 5) appliance.Kill();
            else Assert.Equal(0, appliance.Terminate());
        }

        foreach (UdpPeer asker in askers) asker.Dispose();
        foreach (List<AzureTuple> log in (List<AzureTuple>[])[AzureFlowLogReader.ReadVnet(logs), AzureFlowLogReader.ReadNsg(logs)])
        {
            ILookup<string, AzureTuple> flows = log.ToLookup(t => t.Flow);
            Assert.Equal(Flows, flows.Count);
            foreach (IGrouping<string, AzureTuple> flow in flows)
            {
                Assert.True(flow.Sum(t => t.PacketsSent) == 6 * Asked && flow.Sum(t => t.BytesReceived) == 6 * Asked * 30, $"seed {seed}: {string.Join("; ", flow.Select(t => $"{t.State} {t.PacketsSent} {t.BytesReceived}"))}");
                Assert.True(flow.Count(t => t.State == 'B') == 1 && flow.Count(t => t.State == 'E') == 1, $"seed {seed}: {string.Concat(flow.Select(t => t.State))}");
            }
        }
    }

    private static bool AreWhole(string logs, out List<AzureTuple> tuples)
    {
        try
        {
            tuples = AzureFlowLogReader.ReadVnet(logs);
            AzureFlowLogReader.ReadNsg(logs);
            return true;
        }
        catch (Exception e) when (e is JsonException or FileNotFoundException)
        {
            tuples = [];
            return false;
        }
    }

    private static RunningAppliance Start(Lab lab, string folder, params string[] before)
    {
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        return RunningAppliance.Start(lab.Gateway, lab.Configuration(), [.. Environment(folder), .. before]);
    }

    private static string[] Environment(string folder) =>
        ["env", $"FIREWALL__FLOWLOGS__FOLDER={folder}", "FIREWALL__FLOWLOGS__LINES=-", "FIREWALL__FLOWLOGS__INTERVAL=1", "FIREWALL__FLOWLOGS__CONTINUEINTERVAL=1"];

    // One datagram from each of so many ports.
    private static void OpenFlows(Lab lab, int count) => lab.Client.Inside(() =>
    {
        for (int i = 0; i < count; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(Lab.ClientV4), 20_000 + i));
            socket.SendTo([1], new IPEndPoint(IPAddress.Parse(Lab.VmV4), 5_999));
        }
    });

    // What the kernel handed to the TUN's reader.
    private static long Counted(Lab lab, string what) =>
        long.Parse(lab.Gateway.Run("cat", $"/sys/class/net/fw0/statistics/tx_{what}"), CultureInfo.InvariantCulture);

    private static string Socket(RunningAppliance appliance) => Path.GetFileName(AdminSocket().Match(appliance.WaitForLog("Admin socket ")).Groups[1].Value);

    private static long Number(Match match, string group) => long.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Stopped; (?<allowed>\d+) packets were allowed, (?<denied>\d+) denied")]
    private static partial Regex Stopped();

    [GeneratedRegex(@"firewall_flow_log_entries_lost_total\{log=""VNet""\} (\d+)")]
    private static partial Regex Lost();

    [GeneratedRegex(@"Admin socket (\S+)")]
    private static partial Regex AdminSocket();
}
