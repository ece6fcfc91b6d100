using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Captures;

namespace Firewall.Commands.Replay;

/// <summary>Runs a capture through the engine that the appliance has, with the capture's times as the clock.</summary>
internal sealed class ReplayRun : IDisposable
{
    // Between two packets of a capture any time may pass, so the upkeep is not bounded as it is on the path.
    private const int MaintainBudget = 1 << 24;
    private const int PacketsBetweenReports = 4096;
    private const long NanosecondsPerMillisecond = 1_000_000;

    private readonly CaptureReader _capture;
    private readonly Policy _policy;
    private readonly ReplayOrder _order;
    private readonly FlowTable _flows = new(new FlowLimits());
    private readonly FirewallEngine _engine;
    private long _now;
    private long _records;
    private long _notIp;

    /// <summary>Takes what it needs; nothing is read yet.</summary>
    public ReplayRun(CaptureReader capture, Policy policy, ReplayOutputs outputs)
    {
        _capture = capture;
        _policy = policy;
        _order = new ReplayOrder(outputs);
        _engine = new FirewallEngine(_flows, new FragmentTable(), new EngineOptions());
    }

    /// <summary>What was found so far.</summary>
    public ReplaySummary Summary => new(_capture.Name, _records, _notIp, _engine.Counters, _flows.Created, _flows.Peak);

    /// <summary>Reads to the end of the capture, or until it is cancelled.</summary>
    /// <param name="report">Told now and then how far it is, from 0 to 1; null if nobody wants to know.</param>
    /// <param name="cancellation">Ends it after the packet it is at.</param>
    /// <exception cref="CaptureException">The capture is damaged; all packets before were judged.</exception>
    public void Run(Action<double>? report, CancellationToken cancellation)
    {
        try
        {
            JudgeAll(report, cancellation);
        }
        catch (CaptureException)
        {
            EndHeld();
            throw;
        }

        EndHeld();
    }

    /// <inheritdoc/>
    public void Dispose() => _flows.Dispose();

    private void JudgeAll(Action<double>? report, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested && _capture.TryReadNext(out CapturedPacket packet))
        {
            _records++;
            if (report is not null && _records % PacketsBetweenReports == 0 && _capture.TotalBytes is > 0 and { } total)
            {
                report((double)_capture.BytesRead / total);
            }

            Judge(packet);
        }
    }

    // Fragments whose first one the capture does not have get their verdicts too.
    private void EndHeld()
    {
        _engine.EndHeld(_now);
        SettleHeld();
    }

    private void Judge(in CapturedPacket packet)
    {
        // A clock never goes back; a capture merged from several may.
        long now = packet.Timestamp / NanosecondsPerMillisecond;
        if (now > _now)
        {
            _now = now;
            _engine.Maintain(now, MaintainBudget);
            SettleHeld();
        }

        if (!packet.IsIp)
        {
            _notIp++;
            return;
        }

        Verdict verdict = _engine.Inspect(packet.Packet, packet.WireLength, _policy, _now, out PacketInfo info, packet.Number);
        _order.Add(packet, info, verdict);
        SettleHeld();
    }

    private void SettleHeld()
    {
        while (_engine.TryTakeSettled(out SettledFragment fragment)) _order.Settle(fragment);
    }
}
