using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Tests.Engine;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.FlowLogs;

/// <summary>What flows do is in the logs as Azure's readers expect it, and the counters of all entries of a flow are its packets.</summary>
public sealed class FlowLogTests
{
    private const string Client = "198.51.100.7:50111";
    private const string Server = "10.0.0.4:22";

    [Fact]
    public void A_flow_and_a_denial_are_these_files_byte_for_byte()
    {
        using var lab = new FlowLogLab(SampleRules.AllowSsh, lines: true);
        lab.Start();
        Converse(lab);
        Assert.False(lab.Send(PacketBuilder.Tcp("203.0.113.99:41000", "10.0.0.4:23", TcpFlags.Syn)));
        Assert.False(lab.Send(PacketBuilder.Tcp("203.0.113.99:41000", "10.0.0.4:23", TcpFlags.Syn)));
        lab.Pass(TimeSpan.FromSeconds(39));
        lab.End();
        string hour = Path.Combine("y=2026", "m=03", "d=02", "h=10", "m=00", "macAddress=0022489A00F1", "PT1H.json");
        string vnet = Path.Combine("insights-logs-flowlogflowevent", "flowLogResourceID=", "11112222-3333-4444-5555-666677778888_NETWORKWATCHERRG", "NETWORKWATCHER_WESTEUROPE_FW0-RG-SHOP-FLOWLOG", hour);
        string nsg = Path.Combine("insights-logs-networksecuritygroupflowevent", "resourceId=", "SUBSCRIPTIONS", "11112222-3333-4444-5555-666677778888", "RESOURCEGROUPS", "RG-SHOP", "PROVIDERS", "MICROSOFT.NETWORK", "NETWORKSECURITYGROUPS", "NSG-SAMPLE", hour);
        string[] files = [.. Directory.EnumerateFiles(lab.Folder, "*.json", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(lab.Folder, f)).Order(StringComparer.Ordinal)];
        Assert.Equal([vnet, nsg], files);
        Assert.Equal(
            "{\"records\":[{\"time\":\"2026-03-02T10:15:59.9999999Z\",\"flowLogVersion\":4,\"flowLogGUID\":\"GUID\",\"macAddress\":\"0022489A00F1\",\"category\":\"FlowLogFlowEvent\","
            + "\"flowLogResourceID\":\"/SUBSCRIPTIONS/11112222-3333-4444-5555-666677778888/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_WESTEUROPE/FLOWLOGS/FW0-RG-SHOP-FLOWLOG\","
            + "\"targetResourceID\":\"/subscriptions/11112222-3333-4444-5555-666677778888/resourceGroups/rg-shop/providers/Microsoft.Network/virtualNetworks/fw0\","
            + "\"operationName\":\"FlowLogFlowEvent\",\"flowRecords\":{\"flows\":[{\"aclID\":\"GUID\",\"flowGroups\":["
            + "{\"rule\":\"UserRule_allow-ssh\",\"flowTuples\":[\"1772446521000,198.51.100.7,10.0.0.4,50111,22,6,I,B,NX,0,0,0,0\",\"1772446533000,198.51.100.7,10.0.0.4,50111,22,6,I,E,NX,3,120,2,180\"]},"
            + "{\"rule\":\"DefaultRule_DenyAllInBound\",\"flowTuples\":[\"1772446522000,203.0.113.99,10.0.0.4,41000,23,6,I,D,NX,0,0,0,0\"]}]}]}}]}",
            Guids.Replace(File.ReadAllText(Path.Combine(lab.Folder, vnet)), "\"GUID\""));
        Assert.Equal(
            "{\"records\":[{\"time\":\"2026-03-02T10:15:59.9999999Z\",\"systemId\":\"GUID\",\"macAddress\":\"0022489A00F1\",\"category\":\"NetworkSecurityGroupFlowEvent\","
            + "\"resourceId\":\"/SUBSCRIPTIONS/11112222-3333-4444-5555-666677778888/RESOURCEGROUPS/RG-SHOP/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/NSG-SAMPLE\","
            + "\"operationName\":\"NetworkSecurityGroupFlowEvents\",\"properties\":{\"Version\":2,\"flows\":["
            + "{\"rule\":\"UserRule_allow-ssh\",\"flows\":[{\"mac\":\"0022489A00F1\",\"flowTuples\":[\"1772446521,198.51.100.7,10.0.0.4,50111,22,T,I,A,B,,,,\",\"1772446533,198.51.100.7,10.0.0.4,50111,22,T,I,A,E,3,120,2,180\"]}]},"
            + "{\"rule\":\"DefaultRule_DenyAllInBound\",\"flows\":[{\"mac\":\"0022489A00F1\",\"flowTuples\":[\"1772446522,203.0.113.99,10.0.0.4,41000,23,T,I,D,B,,,,\"]}]}]}}]}",
            Guids.Replace(File.ReadAllText(Path.Combine(lab.Folder, nsg)), "\"GUID\""));
        Assert.Equal(
            "{\"time\":\"2026-03-02T10:15:21Z\",\"state\":\"Begin\",\"protocol\":6,\"source\":\"198.51.100.7\",\"sourcePort\":50111,\"destination\":\"10.0.0.4\",\"destinationPort\":22,\"direction\":\"Inbound\","
            + "\"securityGroup\":\"nsg-sample\",\"rule\":\"UserRule_allow-ssh\",\"packetsSent\":0,\"bytesSent\":0,\"packetsReceived\":0,\"bytesReceived\":0}",
            File.ReadLines(lab.Files["flows.jsonl"]).First());
        Assert.Equal(["Begin", "Deny", "End"], File.ReadLines(lab.Files["flows.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("state").GetString()).Order());
    }

    [Fact]
    public void A_flow_that_goes_on_is_told_every_five_minutes_and_all_its_entries_add_up()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        for (int minute = 0; minute < 13; minute++)
        {
            Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:50111", "10.0.0.4:53", 72)));
            Assert.True(lab.Send(PacketBuilder.Udp("10.0.0.4:53", "198.51.100.7:50111", 172)));
            lab.Pass(TimeSpan.FromMinutes(1));
        }

        lab.Pass(TimeSpan.FromMinutes(5)); // it idles out
        lab.End();
        foreach (List<AzureTuple> tuples in (List<AzureTuple>[])[AzureFlowLogReader.ReadVnet(lab.Folder), AzureFlowLogReader.ReadNsg(lab.Folder)])
        {
            AzureTuple[] flow = [.. tuples.OrderBy(t => t.Time)];
            Assert.Equal("BCCE", string.Concat(flow.Select(t => t.State)));
            Assert.Equal((13, 1300, 13, 2600), (flow.Sum(t => t.PacketsSent), flow.Sum(t => t.BytesSent), flow.Sum(t => t.PacketsReceived), flow.Sum(t => t.BytesReceived)));
            Assert.InRange(flow[2].Time - flow[1].Time, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(5.6));
            Assert.True(flow[1].PacketsSent is 5 or 6, "deltas, not totals");
        }
    }

    [Fact]
    public void A_record_belongs_to_the_file_of_its_own_hour()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        lab.Time.Advance(TimeSpan.FromMinutes(44) + TimeSpan.FromSeconds(38.95)); // 10:59:59.95
        Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:1", "10.0.0.4:53")));
        lab.Pass(TimeSpan.FromSeconds(70));
        Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:2", "10.0.0.4:53")));
        lab.HandOver();
        List<AzureTuple> begins = AzureFlowLogReader.ReadNsg(lab.Folder).FindAll(t => t.State == 'B');
        Assert.Equal([10, 11], begins.Select(t => t.Hour.Hour).Order());
        Assert.All(begins, t => Assert.Equal(t.Hour.Hour, t.Time.Hour));
    }

    [Fact]
    public void A_refused_connection_has_all_its_packets_in_its_end()
    {
        using var lab = new FlowLogLab(SampleRules.AllowSsh);
        lab.Start();
        Assert.True(lab.Send(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, 100)));
        Assert.True(lab.Send(PacketBuilder.Tcp(Server, Client, TcpFlags.Rst | TcpFlags.Ack, 0, 101)));
        lab.End();
        AzureTuple end = Assert.Single(AzureFlowLogReader.ReadVnet(lab.Folder), t => t.State == 'E');
        Assert.Equal((1, 40, 1, 40), (end.PacketsSent, end.BytesSent, end.PacketsReceived, end.BytesReceived));
    }

    [Theory]
    [InlineData(true, "198.51.100.7,10.0.0.4,77,8,1,I")]
    [InlineData(false, null)]
    public void Icmp_is_logged_where_it_is_asked_for_but_not_in_the_format_that_has_no_letter_for_it(bool allProtocols, string? expected)
    {
        using var lab = new FlowLogLab(SampleRules.AllowPing, lines: true, allProtocols: allProtocols);
        lab.Start();
        Assert.True(lab.Send(PacketBuilder.IcmpEcho("198.51.100.7", "10.0.0.4", 77)));
        lab.End();
        Assert.Equal(expected, AzureFlowLogReader.ReadVnet(lab.Folder).Select(t => t.Flow).Distinct().SingleOrDefault());
        Assert.Empty(AzureFlowLogReader.ReadNsg(lab.Folder));
        Assert.Equal(allProtocols ? 2 : 0, File.Exists(lab.Files["flows.jsonl"]) ? File.ReadLines(lab.Files["flows.jsonl"]).Count() : 0);
    }

    [Fact]
    public void Denied_flows_are_told_again_in_each_minute_and_a_packet_of_no_flow_is_none()
    {
        using var lab = new FlowLogLab(SampleRules.AllowSsh);
        lab.Start();
        for (int minute = 0; minute < 3; minute++)
        {
            for (int i = 0; i < 5; i++) Assert.False(lab.Send(PacketBuilder.Udp("203.0.113.99:41000", "10.0.0.4:53")));
            Assert.False(lab.Send(PacketBuilder.Tcp(Client, Server, TcpFlags.Ack)));
            lab.Pass(TimeSpan.FromMinutes(1));
        }

        lab.End();
        Assert.Equal(3, AzureFlowLogReader.ReadVnet(lab.Folder).Count);
        Assert.All(AzureFlowLogReader.ReadVnet(lab.Folder), t => Assert.Equal(('D', "DefaultRule_DenyAllInBound"), (t.State, t.Rule)));
    }

    [Fact]
    public void Flows_that_an_earlier_process_logged_are_told_from_then_on()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        for (int i = 0; i < 10; i++) Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:50111", "10.0.0.4:53")));
        lab.Start();
        Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:50111", "10.0.0.4:53")));
        lab.HandOver();
        AzureTuple only = Assert.Single(AzureFlowLogReader.ReadVnet(lab.Folder));
        Assert.Equal(('C', 1L, 28L), (only.State, only.PacketsSent, only.BytesSent));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(60)] // longer than the flow would live without another packet
    public void Who_hands_over_tells_of_no_end_that_it_cannot_know_of(int leaving)
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:50111", "10.0.0.4:53")));
        lab.Pass(TimeSpan.FromSeconds(10));
        lab.HandOver(TimeSpan.FromSeconds(leaving));
        List<AzureTuple> told = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal(['B', 'C'], told.Select(t => t.State));
        Assert.Equal((1L, TimeSpan.FromSeconds(10)), (told[1].PacketsSent, told[1].Time - told[0].Time));
    }

    [Fact]
    public void Who_hands_over_tells_of_the_end_of_a_flow_whose_time_was_over_before()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        Assert.True(lab.Send(PacketBuilder.Udp("198.51.100.7:50111", "10.0.0.4:53")));
        lab.Time.Advance(TimeSpan.FromSeconds(31)); // no worker looks after it any more
        lab.HandOver();
        List<AzureTuple> told = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal(['B', 'E'], told.Select(t => t.State));
        Assert.Equal(TimeSpan.FromSeconds(30), told[1].Time - told[0].Time);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // that one has mended what there was
    public void What_a_killed_process_left_is_mended_when_the_workers_run_but_not_behind_one_that_lives(bool takesOver)
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        string file = lab.Files.Write(Path.Combine("logs", "a", "PT1H.json"), "{\"records\":[{\"half\":");
        lab.Start(takesOver: takesOver);
        Assert.True(File.Exists(file), "the start has waited for it");
        lab.Time.Advance(TimeSpan.Zero);
        Assert.Equal(takesOver, File.Exists(file)); // without a whole record it goes
        Assert.Equal(takesOver ? [] : [$"Warning Flow logs in {lab.Folder}: cut off what was left unfinished in 1 files"], lab.Logger.Lines);
    }

    [Fact]
    public void Many_flows_make_many_records_and_none_is_lost()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns, maxFlows: 30_000);
        lab.Start();
        for (int i = 0; i < 20_000; i++) Assert.True(lab.Send(PacketBuilder.Udp($"198.51.{100 + (i / 10_000)}.7:{10_000 + (i % 10_000)}", "10.0.0.4:53", i % 100)));
        lab.End();
        List<AzureTuple> ends = AzureFlowLogReader.ReadVnet(lab.Folder).FindAll(t => t.State == 'E');
        Assert.Equal(0, lab.Log.EventsLost);
        Assert.Equal(20_000, ends.Select(t => t.Flow).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 20_000).Sum(i => 28L + (i % 100)), ends.Sum(t => t.BytesSent));
        Assert.Equal(40_000, lab.Log.Writers.Single(w => w.Name == "VNet").Written);
    }

    private static readonly System.Text.RegularExpressions.Regex Guids = new("(?<=\"(flowLogGUID|aclID|systemId)\":)\"[0-9a-f-]{36}\"");

    // A connection that is made, says 100 bytes, and is given up: three packets forth, two back.
    private static void Converse(FlowLogLab lab)
    {
        Assert.True(lab.Send(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, 100)));
        Assert.True(lab.Send(PacketBuilder.Tcp(Server, Client, TcpFlags.Syn | TcpFlags.Ack, 500, 101)));
        Assert.True(lab.Send(PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, 101, 501)));
        Assert.True(lab.Send(PacketBuilder.Tcp(Server, Client, TcpFlags.Ack, 501, 101, payload: 100)));
        lab.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(lab.Send(PacketBuilder.Tcp(Client, Server, TcpFlags.Rst, 101)));
    }
}
