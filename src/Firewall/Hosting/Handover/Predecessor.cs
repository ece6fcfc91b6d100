using System.Net.Sockets;
using System.Runtime.InteropServices;
using Firewall.Devices.Linux;

namespace Firewall.Hosting.Handover;

/// <summary>
/// The running instance, as its successor sees it. Until <see cref="Relieve"/> has returned it is in charge, and goes on as before if the
/// successor goes away.
/// </summary>
internal sealed class Predecessor : IDisposable
{
    private readonly HandoverChannel _channel;

    private Predecessor(HandoverChannel channel, HandoverOffer offer, InstanceLock instance, IReadOnlyList<SafeHandle> queues)
    {
        _channel = channel;
        Offer = offer;
        Instance = instance;
        OpenQueues = queues;
        Process = channel.Peer.Process;
    }

    /// <summary>Its process number.</summary>
    public int Process { get; }

    /// <summary>What it is.</summary>
    public HandoverOffer Offer { get; }

    /// <summary>Its lock, shared with it from now on.</summary>
    public InstanceLock Instance { get; }

    /// <summary>The open queues of its device, to be given to <see cref="LinuxTunDevice.Join"/>.</summary>
    public IReadOnlyList<SafeHandle> OpenQueues { get; }

    /// <summary>Asks the instance on that TUN for a hand-over; null if there is none.</summary>
    /// <param name="tunName">The TUN's name in this network namespace.</param>
    /// <param name="queues">How many queues the successor is configured for; null if it takes as many as there are.</param>
    /// <exception cref="ApplianceException">There is one that cannot hand over.</exception>
    public static Predecessor? Meet(string tunName, int? queues)
    {
        // Whoever may take such a name in this namespace could otherwise give us a device of his own.
        if (RunningInstance.Reach(tunName, exceptName: null, out _, out _) is not { } socket) return null;
        var channel = new HandoverChannel(socket);
        var files = new List<SafeHandle>();
        try
        {
            HandoverOffer offer = HandoverOffer.Read(channel.Hear(HandoverWords.Patience));
            Check(offer, queues);
            for (int i = 0; i <= offer.Queues; i++) files.Add(channel.Take());
            return new Predecessor(channel, offer, InstanceLock.Share(files[0]), files[1..]);
        }
        catch (IOException e)
        {
            foreach (SafeHandle file in files) file.Dispose();
            channel.Dispose();
            throw new ApplianceException($"the running instance on {tunName} does not hand over: {e.Message}", e);
        }
    }

    /// <summary>Makes it stop reading packets; the kernel keeps those that come. It has stopped when this returns.</summary>
    /// <exception cref="IOException">It did not, and goes on.</exception>
    public void Pause()
    {
        _channel.Say(HandoverWords.Pause);
        Expect(HandoverWords.Paused);
    }

    /// <summary>Takes charge: it will not read again.</summary>
    /// <exception cref="IOException">It does not agree, and goes on.</exception>
    public void Relieve()
    {
        _channel.Say(HandoverWords.Ready);
        Expect(HandoverWords.Go);
    }

    /// <summary>Tells it that packets are read here, and waits until it has left.</summary>
    /// <returns>False if it has not left in time; it has no part in anything any more.</returns>
    public bool Dismiss()
    {
        try
        {
            _channel.Say(HandoverWords.Done);
            _channel.Hear(HandoverWords.Patience);
            return false;
        }
        catch (IOException left)
        {
            return left.InnerException is not SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    private static void Check(HandoverOffer offer, int? queues)
    {
        if (!HandoverOffer.Understands(offer.Protocol))
            throw new IOException($"it is version {offer.Program}, which hands over in another way; stop it and start this one");
        if (queues is not null && offer.Queues != queues)
            throw new IOException($"it has {offer.Queues} queues and Firewall:Tun:Queues is {queues}; the number changes only by a stop and a start");
        if (offer.Flows is not { } flows)
            throw new IOException("its flow table is in private memory, so connections would end; set Firewall:FlowTable:File, or stop it and start this one");
        if (!File.Exists(flows))
            throw new IOException($"its flow table {flows} does not exist here, so connections would end; give both the same folder (a volume, where they are in containers of their own), or stop it and start this one");
    }

    private void Expect(string word)
    {
        string heard = _channel.Hear(HandoverWords.Patience);
        if (heard != word) throw new IOException($"the running instance says: {heard}");
    }
}
