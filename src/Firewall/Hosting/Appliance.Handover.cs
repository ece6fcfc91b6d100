using Firewall.Commands;
using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.FlowLogs;
using Firewall.Hosting.Handover;
using Firewall.Hosting.Surviving;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>The upgrade: how the appliance takes over from a running one, and hands over to its own successor (docs/decisions/0011-upgrade.md).</summary>
internal sealed partial class Appliance
{
    // Who is in charge takes device, routing and flows down when it ends.
    private volatile bool _isInCharge;
    private volatile bool _isPaused;

    // By the workers' clock; who sees that this process is not in charge any more sees it too.
    private long _pausedAt;

    /// <inheritdoc/>
    HandoverOffer IRelievable.Offer => new(HandoverOffer.CurrentProtocol, ProgramVersion.Text, _device!.Queues.Count, _flows!.File);

    /// <inheritdoc/>
    void IRelievable.Pause()
    {
        lock (_reloading)
        {
            if (_stopping) throw new IOException("it is stopping");
            _isPaused = true;
            // Before packets wait: somebody's request may be at the compiling.
            _justInTime.Pause();
            try
            {
                _pool!.Stop();
                _pausedAt = Environment.TickCount64;
            }
            catch (TimeoutException e)
            {
                _isPaused = false;
                _justInTime.Resume();
                _pool!.Start();
                throw new IOException(e.Message, e);
            }
        }
    }

    /// <inheritdoc/>
    void IRelievable.Yield()
    {
        lock (_reloading)
        {
            if (_stopping) throw new IOException("it is stopping");
            _platform.Handover!.LeaveInPlace(_device!, _routing!, leave: true);
            _isInCharge = false;
            // Not while pausing: packets that nobody gathers yet would wait for the file.
            if (_state is { } state) _flows!.KeepRuleCounts(state.RuleHitsWithoutFlows());
        }
    }

    /// <inheritdoc/>
    void IRelievable.Resume(string why)
    {
        lock (_reloading)
        {
            if (_stopping) return;
            _platform.Handover!.LeaveInPlace(_device!, _routing!, leave: false);
            _isInCharge = true;
            _isPaused = false;
            _justInTime.Resume();
            _pool!.Start();
        }

        SuccessorGone(_logger, why);
        _ = Task.Run(Reload, CancellationToken.None);
    }

    /// <inheritdoc/>
    void IRelievable.Leave(int successor)
    {
        HandedOver(_logger, successor);
        _lifetime.StopApplication();
    }

    // The predecessor is in charge until it says so; whatever fails before leaves it as it was.
    private void TakeOver(Predecessor predecessor, GatheringQueue[] queues, FirewallOptions options)
    {
        if (_flows!.File is null) throw new ApplianceException("an instance can only be followed with a flow table in a file, see Firewall:FlowTable:File");
        PacketGathering? gathering = null;
        int waited;
        try
        {
            predecessor.Pause();
            gathering = new PacketGathering(queues);
            _flows.Adopt(predecessor.Offer.Flows, Environment.TickCount64);
            predecessor.Relieve();
            _flows.ReadRuleCounts(predecessor.Offer.Flows);
            _justInTime.CatchUp();
            waited = gathering.End();
        }
        catch (IOException e)
        {
            gathering?.End();
            throw new ApplianceException($"process {predecessor.Process}, which runs on {_device!.Name}, did not hand over and goes on: {e.Message}", e);
        }

        _isInCharge = true;
        _flowLog?.Start();
        _pool!.Start();
        try
        {
            _flows.Publish();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NotPublished(_logger, e.Message);
        }

        // The predecessor may take its time to leave, and gives no sign of life any more.
        _systemd.TakeOver();
        StartWatchdog();
        if (!predecessor.Dismiss()) StillThere(_logger, predecessor.Process);
        if (predecessor.Offer.Flows is { } old && old != _flows.File)
        {
            File.Delete(old);
            File.Delete(RuleCountsFile.PathOf(old));
            FlowJournal.Remove(FlowJournal.PathOf(old));
        }

        _platform.Handover!.TakeCharge(_device!);
        Route(options, _device!);
        Followed(_logger, predecessor.Process, predecessor.Offer.Program, waited);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "No instance runs that could be followed: starting as usual")]
    private static partial void NobodyToFollow(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Took over from process {Process}, version {Version}; {Packets} packets had to wait")]
    private static partial void Followed(ILogger logger, int process, string version, int packets);

    [LoggerMessage(Level = LogLevel.Information, Message = "Handed over to process {Process}")]
    private static partial void HandedOver(ILogger logger, int process);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The successor is gone ({Why}); this process goes on")]
    private static partial void SuccessorGone(ILogger logger, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Process {Process} handed over but has not ended")]
    private static partial void StillThere(ILogger logger, int process);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The flow table's file is not in its place ({Why}); after a kill connections will end")]
    private static partial void NotPublished(ILogger logger, string why);
}
