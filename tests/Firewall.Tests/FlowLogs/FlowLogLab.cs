using System.Text;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.FlowLogs;
using Firewall.Tests.App;

namespace Firewall.Tests.FlowLogs;

/// <summary>An engine and the flow logs of what it does, on a clock that the test moves: 10:15:21 on 2 March 2026 at the start.</summary>
internal sealed class FlowLogLab : IDisposable
{
    private const long Started = 1_000_000;
    private static readonly Guid s_boot = new("11112222-3333-4444-5555-666677778888");

    private readonly EventRing<DropEvent> _drops = new(1024);
    private readonly PolicyStore _policies = new();
    private readonly DateTimeOffset _begin;
    private readonly FlowLogSettings _settings;
    private readonly FlowLimits _limits;
    private FlowRegion _region;
    private FlowLog? _log;

    public FlowLogLab(string rules, bool lines = false, bool allProtocols = false, int maxFlows = 1000)
    {
        _limits = new FlowLimits { MaxFlows = maxFlows, HalfOpenPercent = 100, MaxFlowsPerSource = 0, AdaptiveStartPercent = 100, HandshakesPerSecond = 0 };
        _region = FlowRegion.Create(FlowTable.LengthFor(_limits, 1));
        Flows = new FlowTable(_limits, 1, _region, s_boot);
        _begin = Time.GetUtcNow();
        _policies.Current = PolicyCompiler.Compile(
            NsgReader.Read(Encoding.UTF8.GetBytes(rules), "rules.json").Groups, new PolicyOptions(), _policies.Catalog, 1).Policy!;
        Engine = new FirewallEngine(Flows, new FragmentTable(), new EngineOptions(), _drops);
        _settings = new FlowLogSettings
        {
            Folder = Files["logs"],
            Vnet = true,
            Nsg = true,
            Lines = lines ? Files["flows.jsonl"] : null,
            AllProtocols = allProtocols,
            Interval = TimeSpan.FromMinutes(1),
            ContinueInterval = TimeSpan.FromMinutes(5),
            KeptFor = TimeSpan.Zero,
            KeptBytes = 0,
            SubscriptionId = Guid.Parse("11112222-3333-4444-5555-666677778888"),
            ResourceGroup = "rg-shop",
            Region = "westeurope",
            MacAddress = null,
        };
    }

    public TempFolder Files { get; } = new();

    public ManualTime Time { get; } = new();

    public RecordingLogger Logger { get; } = new();

    public FlowTable Flows { get; private set; }

    public FirewallEngine Engine { get; private set; }

    /// <summary>The file of what a kill would lose.</summary>
    public string Journal => Files["fw0.flows.told"];

    public FlowLog Log => _log ?? throw new InvalidOperationException("not started");

    /// <summary>Full path of the folder for Azure's formats.</summary>
    public string Folder => Files["logs"];

    /// <summary>Milliseconds of the workers' clock.</summary>
    public long Now => Started + (long)(Time.GetUtcNow() - _begin).TotalMilliseconds;

    /// <summary>Starts the logs; what was sent before is an earlier process's.</summary>
    /// <param name="expired">Flows of that process whose time was over.</param>
    /// <param name="takesOver">True: the earlier process is not dead, and tells its last entries itself.</param>
    public void Start(IReadOnlyList<FlowRecord>? expired = null, bool takesOver = false)
    {
        _log = new FlowLog(_settings, Flows, _policies, "fw0", "0022489A00F1", Time, () => Now, Logger, new FlowJournalPlace(Journal, s_boot));
        _log.Start(takesOver ? null : static rule => rule, expired);
    }

    /// <summary>The process is killed, when its logs' threads had nothing to do; the next one takes its flows over and starts.</summary>
    /// <param name="before">Called in between.</param>
    /// <param name="pause">How long nobody runs.</param>
    public void KillAndStart(Action? before = null, TimeSpan pause = default)
    {
        Log.Dispose();
        Time.Advance(pause);
        FlowRegion region = FlowRegion.Create(FlowTable.LengthFor(_limits, 1));
        var flows = new FlowTable(_limits, 1, region, s_boot);
        List<FlowRecord> expired = [];
        flows.Adopt(_region, s_boot, Now, static rule => rule, expired.Add);
        Flows.Dispose();
        (_region, Flows) = (region, flows);
        Engine = new FirewallEngine(Flows, new FragmentTable(), new EngineOptions(), _drops);
        before?.Invoke();
        Start(expired);
    }

    /// <summary>Sends a packet; true if it passed.</summary>
    public bool Send(byte[] packet)
    {
        Engine.Maintain(Now, 1000);
        bool isAllowed = Engine.Inspect(packet, packet.Length, _policies.Current, Now, out _).IsAllowed;
        while (_drops.TryTake(out DropEvent drop)) _log?.Add(drop);
        return isAllowed;
    }

    /// <summary>Lets time pass, with upkeep as an idle worker does it.</summary>
    public void Pass(TimeSpan time)
    {
        for (TimeSpan step = TimeSpan.FromSeconds(1); time > TimeSpan.Zero; time -= step)
        {
            Time.Advance(time < step ? time : step);
            Engine.Maintain(Now, 1000);
        }
    }

    /// <summary>Ends the logs as a polite stop does, with all that was written.</summary>
    public void End()
    {
        Log.End(null);
        Log.Dispose();
    }

    /// <summary>Ends the logs behind a hand-over: another process goes on with the flows.</summary>
    /// <param name="leaving">How long it takes from the last packet until then.</param>
    public void HandOver(TimeSpan leaving = default)
    {
        long stopped = Now;
        Time.Advance(leaving);
        Log.End(stopped);
        Log.Dispose();
    }

    public void Dispose()
    {
        _log?.Dispose();
        Flows.Dispose();
        Files.Dispose();
    }
}
