namespace Firewall.Core.Dataplane;

/// <summary>A source and sink of raw IP packets: a TUN, a Wintun adapter, a capture, memory. Disposing it closes every queue.</summary>
public interface IPacketDevice : IDisposable
{
    /// <summary>The interface's name as the operating system shows it.</summary>
    string Name { get; }

    /// <summary>The queues; each is for one worker alone. At least one, and the same for the device's life.</summary>
    IReadOnlyList<IPacketQueue> Queues { get; }
}
