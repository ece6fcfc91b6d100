using System.Text;
using Firewall.Admin;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Hosting.Surviving;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>A process is killed, which leaves its flow table's file behind as it was at that moment; the next one starts on it.</summary>
public sealed class FlowStoreTests : IDisposable
{
    private static readonly Guid Boot = new("11112222-3333-4444-5555-666677778888");
    private static readonly FlowLimits Limits = new() { MaxFlows = 1000 };
    private static readonly byte[] Syn = PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn);
    private static readonly byte[] Answer = PacketBuilder.Tcp("10.0.0.4:22", "203.0.113.5:40000", TcpFlags.Syn | TcpFlags.Ack);

    private readonly TempFolder _folder = new();
    private readonly RecordingLogger _log = new();

    public FlowStoreTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "the file is Linux's");

    public void Dispose() => _folder.Dispose();

    private FlowPlace Place => new(_folder["flows"], Boot);

    [Fact]
    public void A_flow_goes_on_in_the_next_process_and_names_its_rule()
    {
        LeaveBehind(SampleFiles.Allow("allow-ssh", 22));
        var catalog = new RuleCatalog();
        catalog.Add(new RuleIdentity("another", "rule-that-takes-the-number", false, RuleDirection.Inbound));
        using FlowStore next = Open(catalog);
        Assert.Contains(_log.Lines, line => line.Contains("adopted 1 flows, 0 expired, 0 torn", StringComparison.Ordinal));
        Verdict verdict = Engine(next).Inspect(Answer, Answer.Length, Policy(SampleFiles.Allow("allow-web", 443), catalog), 2000, out _);
        Assert.Equal(VerdictReason.Flow, verdict.Reason);
        Assert.Equal("UserRule_allow-ssh", catalog[verdict.Rule]?.FlowLogName);
        next.Table.Dispose();
    }

    [Theory]
    [InlineData(false, VerdictReason.Flow)]
    [InlineData(true, VerdictReason.FlushedConnection)]
    public void With_flushConnection_it_is_judged_again_without_it_stays(bool flush, VerdictReason reason)
    {
        LeaveBehind(SampleFiles.Allow("allow-ssh", 22));
        var catalog = new RuleCatalog();
        using FlowStore next = Open(catalog);
        string rules = SampleFiles.Allow("allow-web", 443, flush);
        Assert.Equal(reason, Engine(next).Inspect(Answer, Answer.Length, Policy(rules, catalog), 2000, out _).Reason);
        next.Table.Dispose();
    }

    [Fact]
    public void A_line_of_names_that_was_cut_short_costs_the_name_and_nothing_else()
    {
        LeaveBehind(SampleFiles.Allow("allow-ssh", 22));
        using (FileStream file = File.OpenWrite(_folder["flows"])) file.SetLength(FlowTable.LengthFor(Limits, 1) + 3);
        var catalog = new RuleCatalog();
        using FlowStore next = Open(catalog);
        Verdict verdict = Engine(next).Inspect(Answer, Answer.Length, Policy(SampleFiles.Allow("allow-web", 443), catalog), 2000, out _);
        Assert.Equal(VerdictReason.Flow, verdict.Reason);
        Assert.Equal(RuleCatalog.None, verdict.Rule);
        next.Table.Dispose();
    }

    [Fact]
    public void A_file_that_is_no_flow_table_is_replaced_and_the_log_says_why()
    {
        File.WriteAllText(_folder["flows"], "not a flow table");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder["flows"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using FlowStore store = Open(new RuleCatalog());
        Assert.Contains(_log.Lines, line => line.Contains("rebuilt, its flows are lost: it is too short", StringComparison.Ordinal));
        store.Table.Dispose();
    }

    [Fact]
    public void A_file_that_others_may_write_to_is_not_believed()
    {
        LeaveBehind(SampleFiles.Allow("allow-ssh", 22));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder["flows"], (UnixFileMode)0b110_110_110);
        using FlowStore store = Open(new RuleCatalog());
        Assert.Contains(_log.Lines, line => line.Contains("others than its owner have rights", StringComparison.Ordinal));
        Assert.Equal(0, store.Table.Count);
        store.Table.Dispose();
    }

    [Fact]
    public void Where_no_file_can_be_made_flows_live_in_private_memory()
    {
        File.WriteAllText(_folder["file"], "");
        using FlowStore store = FlowStore.Open(new FlowPlace(_folder["file/flows"], Boot), Limits, 1, new RuleCatalog(), 0, _log);
        Assert.Contains(_log.Lines, line => line.Contains("connections will end with this process", StringComparison.Ordinal));
        store.Table.Dispose();
    }

    [Fact]
    public void The_file_is_its_owners_alone_and_takes_no_more_than_it_holds()
    {
        using FlowStore store = FlowStore.Open(Place, new FlowLimits { MaxFlows = 1_000_000 }, 1, new RuleCatalog(), 0, _log);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder["flows"]));
        Assert.False(File.Exists(_folder["flows.new"]));
        store.Forget();
        Assert.False(File.Exists(_folder["flows"]));
        store.Table.Dispose();
    }

    [Fact]
    public void What_rules_counted_is_there_without_flows_too()
    {
        IReadOnlyList<RuleHitStatus> counts = [new("nsg", "UserRule_allow-ssh", "Inbound", true, 3, 30, 300, DateTimeOffset.UnixEpoch)];
        using (FlowStore first = Open(new RuleCatalog()))
        {
            first.Forget();
            first.KeepRuleCounts(counts);
            first.Table.Dispose();
        }

        Assert.False(File.Exists(_folder["flows"]));
        using FlowStore next = Open(new RuleCatalog());
        Assert.Equal(counts, next.RuleCounts);
        next.Table.Dispose();
    }

    // Opens a flow and "dies": nothing is removed, only what a process holds is gone.
    private void LeaveBehind(string rules)
    {
        var catalog = new RuleCatalog();
        Policy policy = Policy(rules, catalog);
        using FlowStore store = FlowStore.Open(Place, Limits, 1, catalog, 1000, new RecordingLogger());
        store.KeepRuleNames();
        Assert.True(Engine(store).Inspect(Syn, Syn.Length, policy, 1000, out _).IsAllowed);
        store.Table.Dispose();
    }

    private FlowStore Open(RuleCatalog catalog) => FlowStore.Open(Place, Limits, 1, catalog, 2000, _log);

    private static FirewallEngine Engine(FlowStore store) => new(store.Table, new FragmentTable(), new EngineOptions());

    private static Policy Policy(string rules, RuleCatalog catalog)
    {
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(rules), "rules.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions(), catalog, 1).Policy!;
    }
}
