using Firewall.Admin;
using Firewall.Admin.Flows;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Hosting.Surviving;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Flows counted in the background: by state, and what they carried by rule, with those that are gone.</summary>
public sealed class FlowCensusTests : IDisposable
{
    private readonly RuleCatalog _catalog = new();
    private readonly FlowTable _flows = new(100);
    private readonly ManualTime _time = new();
    private readonly FirewallEngine _engine;
    private readonly Policy _policy;
    private readonly long _now = Environment.TickCount64;

    public FlowCensusTests()
    {
        _engine = new FirewallEngine(_flows, new FragmentTable(), new EngineOptions());
        _policy = PolicyCompiler.Compile(
            NsgReader.Read(System.Text.Encoding.UTF8.GetBytes(SampleFiles.Allow()), "rules.json").Groups, new PolicyOptions(), _catalog, 1).Policy!;
    }

    public void Dispose() => _flows.Dispose();

    [Fact]
    public async Task States_and_traffic_are_counted_whether_a_flow_is_there_or_gone()
    {
        using var census = new FlowCensus(_flows, _catalog, _time);
        byte[] syn = PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", Core.Packets.TcpFlags.Syn, 1);
        int rule = Send(syn).Rule;
        Send(PacketBuilder.Tcp("10.0.0.4:22", "203.0.113.5:40000", Core.Packets.TcpFlags.Syn | Core.Packets.TcpFlags.Ack, 9, 2));
        FlowFigures figures = await census.TakeAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, figures.States().Single(s => s is { Protocol: "Tcp", State: "SynReceived" }).Flows);
        Assert.Equal(1, figures.States().Sum(s => s.Flows));
        Assert.Equal((2, 80), (figures.PacketsOf(rule), figures.BytesOf(rule)));

        int looks = int.MaxValue;
        Assert.True(new FlowWalk(_flows).TryNext(_now, out FlowRecord flow, ref looks));
        Assert.True(_engine.EndFlow(FlowEnd.Of(flow, false), _now, out _));
        await FreshAsync(census, f => f.States().Sum(s => s.Flows) == 0);
        Assert.Equal((2, 80), (census.Latest.PacketsOf(rule), census.Latest.BytesOf(rule)));
    }

    [Fact]
    public async Task It_is_taken_again_every_few_seconds_without_being_asked()
    {
        using var census = new FlowCensus(_flows, _catalog, _time);
        Send(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", Core.Packets.TcpFlags.Syn, 1));
        while (census.Latest.States().Sum(s => s.Flows) == 0)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }
    }

    [Fact]
    public async Task After_the_end_nobody_looks_at_the_table()
    {
        var census = new FlowCensus(_flows, _catalog, _time);
        census.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => census.TakeAsync(TestContext.Current.CancellationToken));
        _time.Advance(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void A_sum_never_becomes_smaller()
    {
        int rule = Send(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", Core.Packets.TcpFlags.Syn, 1)).Rule;
        var before = new FlowFigures(_flows, _catalog.Count);
        int looks = int.MaxValue;
        Assert.True(new FlowWalk(_flows).TryNext(_now, out FlowRecord flow, ref looks));
        before.Add(flow);
        // As if the flow had ended behind the first part of the count and in front of the second.
        var now = new FlowFigures(_flows, _catalog.Count);
        now.NoLessThan(before);
        Assert.Equal(1, now.PacketsOf(rule));
    }

    [Fact]
    public void What_rules_counted_is_written_and_read_and_a_damaged_file_is_none()
    {
        using var folder = new TempFolder();
        string path = RuleCountsFile.PathOf(folder["flows"]);
        Assert.Empty(RuleCountsFile.Read(path));
        RuleHitStatus[] counts = [new("nsg", "UserRule_a", "Inbound", true, 3, 40, -5, _time.GetUtcNow()), new("nsg", "UserRule_b", "Inbound", true, 0, 0, 0, null)];
        RuleCountsFile.Write(path, counts);
        Assert.Equal(counts, RuleCountsFile.Read(path));
        File.WriteAllText(path, "[{\"securityGroup\":\"nsg\"},");
        Assert.Empty(RuleCountsFile.Read(path));
    }

    private Verdict Send(byte[] packet) => _engine.Inspect(packet, packet.Length, _policy, _now, out _);

    // A census that was taken a moment ago is given out again.
    private static async Task FreshAsync(FlowCensus census, Func<FlowFigures, bool> isFresh)
    {
        while (!isFresh(await census.TakeAsync(TestContext.Current.CancellationToken))) await Task.Yield();
    }
}
