namespace Firewall.Core.Dataplane;

/// <summary>
/// One reader's end of a device. Read and Write are called by one thread; <see cref="Wake"/> by any. A packet that was read from a
/// queue is written to the same queue, so that a kernel that steers flows to queues keeps a flow where it is.
/// </summary>
public interface IPacketQueue
{
    /// <summary>Bytes in front of each packet that belong to the device; the batch must have been made with this number.</summary>
    int HeaderLength { get; }

    /// <summary>
    /// Waits for packets and reads all that are there, as far as the batch has room. The batch was cleared by the caller.
    /// Returns false when the device has nothing more to give, for ever (end of a capture, device gone, queue closed).
    /// </summary>
    /// <param name="batch">Filled from its start.</param>
    /// <param name="timeoutMilliseconds">Return with an empty batch after about so long without a packet, or earlier; 0 does not wait, -1 waits for ever.</param>
    /// <exception cref="IOException">The device failed in a way that does not mend itself.</exception>
    bool Read(PacketBatch batch, int timeoutMilliseconds);

    /// <summary>
    /// Sends the allowed packets in the order they were read, then the replies. Never waits: a packet that the device refuses is lost,
    /// as on a wire, and not counted.
    /// </summary>
    /// <returns>How many packets and replies the device took.</returns>
    int Write(PacketBatch batch);

    /// <summary>Makes a waiting or the next <see cref="Read"/> return at once, possibly with an empty batch. Callable from any thread.</summary>
    void Wake();
}
