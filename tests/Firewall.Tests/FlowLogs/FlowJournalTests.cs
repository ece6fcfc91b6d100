using Firewall.Tests.Engine;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.FlowLogs;

/// <summary>A killed process takes nothing with it that it had told: the next one writes it, and goes on from there.</summary>
public sealed class FlowJournalTests
{
    private const string Server = "10.0.0.4:53";
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);

    public FlowJournalTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "only there flows outlive their process");

    [Fact]
    public void A_flow_of_two_processes_has_one_begin_and_all_its_packets()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns, lines: true);
        lab.Start();
        Send(lab, 50_111, 3);
        lab.Pass(Turn); // told, in the middle of a minute: in no file but the lines
        Send(lab, 50_111, 4);
        lab.KillAndStart();
        Send(lab, 50_111, 5);
        lab.Pass(Turn);
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal("BE", States(vnet));
        Assert.Equal((12, 12 * 28), Sums(vnet));
        Assert.Equal((12, 12 * 28), Sums(AzureFlowLogReader.ReadNsg(lab.Folder)));
        Assert.Equal(2, File.ReadAllLines(lab.Files["flows.jsonl"]).Length);
    }

    [Fact]
    public void What_was_written_before_the_kill_is_not_written_again()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        for (int minute = 0; minute < 7; minute++)
        {
            Send(lab, 50_111, 1);
            Assert.True(lab.Send(PacketBuilder.Udp(Server, "198.51.100.7:50111")));
            lab.Pass(TimeSpan.FromMinutes(1));
        }

        Send(lab, 50_111, 1);
        lab.KillAndStart();
        lab.KillAndStart();
        Send(lab, 50_111, 1);
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal("BCE", States(vnet));
        Assert.Equal((9, 9 * 28), Sums(vnet));
    }

    [Fact]
    public void A_flow_whose_begin_was_written_has_no_other_one()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        for (int minute = 0; minute < 2; minute++)
        {
            Send(lab, 50_111, 1);
            Assert.True(lab.Send(PacketBuilder.Udp(Server, "198.51.100.7:50111")));
            lab.Pass(TimeSpan.FromMinutes(1));
        }

        lab.KillAndStart();
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal("BE", States(vnet));
        Assert.Equal((2, 2 * 28), Sums(vnet));
    }

    [Fact]
    public void What_one_log_has_and_another_lacks_is_in_both_once_over_several_kills()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns, lines: true);
        lab.Start();
        Send(lab, 50_111, 3);
        lab.Pass(Turn); // in the lines, and in no file of Azure's
        lab.KillAndStart();
        lab.KillAndStart();
        Send(lab, 50_112, 3);
        lab.Pass(Turn);
        lab.KillAndStart();
        lab.KillAndStart();
        lab.End();
        Assert.Equal("BBEE", States(AzureFlowLogReader.ReadVnet(lab.Folder)));
        Assert.Equal("BBEE", States(AzureFlowLogReader.ReadNsg(lab.Folder)));
        Assert.Equal(4, File.ReadAllLines(lab.Files["flows.jsonl"]).Length);
    }

    [Fact]
    public void Flows_that_began_and_ended_in_the_interval_of_the_kill_are_told_and_so_are_denials()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        lab.Pass(TimeSpan.FromSeconds(39)); // to the minute's begin
        for (ushort i = 0; i < 100; i++) Send(lab, (ushort)(50_000 + i), 1);
        Assert.False(lab.Send(PacketBuilder.Udp("198.51.100.7:50111", "10.0.0.4:99")));
        lab.Pass(TimeSpan.FromSeconds(45)); // they expire after 30 s
        lab.KillAndStart();
        lab.Pass(Turn);
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal((100, 100, 1), (vnet.Count(t => t.State == 'B'), vnet.Count(t => t.State == 'E'), vnet.Count(t => t.State == 'D')));
        Assert.Equal((100, 100 * 28), Sums(vnet));
        Assert.Contains(lab.Logger.Lines, m => m.Contains("201 entries of a killed process", StringComparison.Ordinal));
    }

    [Fact]
    public void A_flow_whose_begin_was_about_to_be_told_has_all_its_packets()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        Send(lab, 50_111, 3);
        lab.KillAndStart(); // no turn in between
        Send(lab, 50_111, 2);
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal("BE", States(vnet));
        Assert.Equal((5, 5 * 28), Sums(vnet));
    }

    [Fact]
    public void A_flow_whose_time_ran_out_while_nobody_ran_has_its_end()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        Send(lab, 50_111, 3);
        lab.Pass(Turn);
        Send(lab, 50_111, 3);
        lab.KillAndStart(before: null, pause: TimeSpan.FromMinutes(10));
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal("BE", States(vnet));
        Assert.Equal(TimeSpan.FromSeconds(31), vnet[1].Time - vnet[0].Time);
        Assert.Equal((6, 6 * 28), Sums(vnet));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(5000)]
    public void A_file_that_is_damaged_or_gone_is_not_trusted(int length)
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        Send(lab, 50_111, 3);
        lab.Pass(Turn);
        lab.KillAndStart(() =>
        {
            if (length == 0) File.Delete(lab.Journal);
            else File.WriteAllBytes(lab.Journal, new byte[length]);
        });
        Send(lab, 50_111, 2);
        lab.End();
        Assert.Equal((2, 2 * 28), Sums(AzureFlowLogReader.ReadVnet(lab.Folder)));
    }

    [Fact]
    public void A_polite_stop_leaves_no_file_and_only_its_owner_can_read_it()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(lab.Journal));
        lab.End();
        Assert.False(File.Exists(lab.Journal));
    }

    [Fact]
    public void Where_it_cannot_be_made_the_logs_go_on_without()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        Directory.CreateDirectory(Path.Combine(lab.Journal, "in the way"));
        lab.Start();
        Send(lab, 50_111, 3);
        lab.End();
        Assert.Equal((3, 3 * 28), Sums(AzureFlowLogReader.ReadVnet(lab.Folder)));
        Assert.Contains(lab.Logger.Lines, m => m.Contains("will lack", StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(lab.Journal)!, "*.new"));
    }

    [Fact]
    public void Where_a_new_one_cannot_be_made_the_old_one_tells_nothing_twice()
    {
        using var lab = new FlowLogLab(SampleRules.AllowDns);
        lab.Start();
        Send(lab, 50_111, 3);
        lab.Pass(Turn);
        lab.KillAndStart(() => Directory.CreateDirectory(Path.Combine(lab.Journal + ".new", "in the way")));
        Assert.False(File.Exists(lab.Journal));
        lab.KillAndStart();
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal("BE", States(vnet));
        Assert.Equal((0, 0), Sums(vnet)); // without one, what has passed before a start counts as told
    }

    [Fact]
    public void More_flows_than_its_ring_has_room_for_are_told_once_each()
    {
        const int Flows = 40_000; // a begin and an end each: more than the ring has
        using var lab = new FlowLogLab(SampleRules.AllowDns, maxFlows: Flows);
        lab.Start();
        for (int i = 0; i < Flows; i++)
        {
            Send(lab, (ushort)(10_000 + i), 1);
            if (i % 10_000 == 9_999) lab.Pass(TimeSpan.FromMilliseconds(100));
        }

        lab.Pass(TimeSpan.FromMinutes(1));
        lab.Time.Advance(TimeSpan.FromMilliseconds(100)); // a turn after the last of them has ended
        lab.KillAndStart();
        lab.End();
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(lab.Folder);
        Assert.Equal((Flows, Flows), (vnet.Count(t => t.State == 'B'), vnet.Count(t => t.State == 'E')));
        Assert.Equal((Flows, Flows * 28L), Sums(vnet));
    }

    private static void Send(FlowLogLab lab, ushort port, int count)
    {
        for (int i = 0; i < count; i++) Assert.True(lab.Send(PacketBuilder.Udp($"198.51.100.7:{port}", Server)));
    }

    private static string States(IEnumerable<AzureTuple> tuples) => string.Concat(tuples.Select(t => t.State));

    private static (long Packets, long Bytes) Sums(List<AzureTuple> tuples) => (tuples.Sum(t => t.PacketsSent), tuples.Sum(t => t.BytesSent));
}
