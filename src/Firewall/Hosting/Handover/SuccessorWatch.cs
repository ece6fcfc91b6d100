using System.Net.Sockets;
using System.Runtime.InteropServices;
using Firewall.Devices.Linux;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting.Handover;

/// <summary>
/// Waits for a successor and hands over to it. One at a time, and only to a process of root or of the own user: it gets the open device.
/// </summary>
internal sealed partial class SuccessorWatch : IDisposable
{
    private readonly InstanceLock _instance;
    private readonly IReadOnlyList<SafeHandle> _queues;
    private readonly TunOffloads? _misbehaving;
    private readonly IRelievable _appliance;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _waiting;
    private HandoverChannel? _channel;

    /// <summary>Begins to wait.</summary>
    /// <param name="instance">Where successors connect; it stays the caller's.</param>
    /// <param name="queues">The device's open queues.</param>
    /// <param name="misbehaving">The device's offloads that the kernel does wrong; null if they were not probed.</param>
    /// <param name="appliance">Which gives them away.</param>
    /// <param name="logger">For what comes of it.</param>
    public SuccessorWatch(InstanceLock instance, IReadOnlyList<SafeHandle> queues, TunOffloads? misbehaving, IRelievable appliance, ILogger logger)
    {
        _instance = instance;
        _queues = queues;
        _misbehaving = misbehaving;
        _appliance = appliance;
        _logger = logger;
        instance.Claim();
        _waiting = Task.Run(Wait);
    }

    /// <summary>Stops waiting. A successor that took over sees by the end of the conversation that everything here is closed.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _channel?.Dispose();
        _waiting.Wait();
        _end.Dispose();
    }

    private async Task Wait()
    {
        try
        {
            while (true)
            {
                Socket socket = await _instance.Socket.AcceptAsync(_end.Token).ConfigureAwait(false);
                using var channel = new HandoverChannel(socket);
                _channel = channel;
                if (!Serve(channel)) continue;

                // Open until all is closed here.
                await Task.Delay(Timeout.Infinite, _end.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The appliance ends.
        }
        catch (SocketException e)
        {
            NoMore(_logger, e.Message);
        }
    }

    // True if the successor is in charge.
    private bool Serve(HandoverChannel channel)
    {
        bool paused = false;
        try
        {
            LocalPeer peer = channel.Peer;
            if (!PeerUser.IsTrusted(peer.User))
            {
                Refused(_logger, peer.Process, peer.User);
                return false;
            }

            channel.Say((_appliance.Offer with { Misbehaving = (uint?)_misbehaving }).Write());
            channel.Pass(_instance.Socket.SafeHandle);
            foreach (SafeHandle queue in _queues) channel.Pass(queue);

            // It loads its rules before it asks; nothing waits for it meanwhile.
            Expect(channel, HandoverWords.Pause, Timeout.InfiniteTimeSpan);
            _appliance.Pause();
            paused = true;
            channel.Say(HandoverWords.Paused);
            Expect(channel, HandoverWords.Ready, HandoverWords.Patience);
            _appliance.Yield();
            channel.Say(HandoverWords.Go);
            Expect(channel, HandoverWords.Done, Timeout.InfiniteTimeSpan);
            _appliance.Leave(peer.Process);
            return true;
        }
        catch (IOException e)
        {
            if (paused) _appliance.Resume(e.Message);
            else NotFollowed(_logger, e.Message);
            return false;
        }
    }

    private static void Expect(HandoverChannel channel, string word, TimeSpan patience)
    {
        string heard = channel.Hear(patience);
        if (heard != word) throw new IOException($"'{word}' was expected of it, not '{heard}'");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Process {Process} of user {User} asked to take over and was refused")]
    private static partial void Refused(ILogger logger, int process, uint user);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A successor came and did not take over ({Why}); this process goes on")]
    private static partial void NotFollowed(ILogger logger, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No successor can take over any more: {Why}")]
    private static partial void NoMore(ILogger logger, string why);
}
