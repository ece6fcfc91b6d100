using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Probing;

/// <summary>
/// The kernel as the probe sees it: a TUN, and sockets whose packets come out of it. A test puts one in between that misbehaves.
/// </summary>
internal interface IProbeKernel
{
    /// <summary>Switches exactly these offloads on. False: the kernel refused.</summary>
    bool TrySetOffloads(TunOffloads offloads);

    /// <summary>Reads one frame, virtio-net header and packet; 0 if none waits.</summary>
    /// <exception cref="IOException">The TUN is gone.</exception>
    int Read(Span<byte> frame);

    /// <summary>Writes one frame.</summary>
    Errno Write(ReadOnlySpan<byte> frame);

    /// <summary>Opens two ends that talk by the TUN, if its packets are turned round.</summary>
    /// <exception cref="IOException">The kernel does not let them be opened.</exception>
    IProbeConversation Converse(ProbePath path);
}

/// <summary>Two ends of which one sends and the other receives; neither waits.</summary>
internal interface IProbeConversation : IDisposable
{
    /// <summary>True once there is a connection.</summary>
    bool IsReady { get; }

    /// <summary>Sends bytes.</summary>
    /// <param name="data">UDP: one datagram, or those that <paramref name="segmentSize"/> makes of it.</param>
    /// <param name="segmentSize">UDP_SEGMENT in bytes; 0: one datagram. Of no effect for TCP.</param>
    /// <param name="error">Why nothing was taken; <see cref="Errno.None"/> if it only has to wait.</param>
    /// <returns>How many bytes were taken.</returns>
    int Send(ReadOnlySpan<byte> data, int segmentSize, out Errno error);

    /// <summary>Receives bytes, of UDP one datagram; 0 if none are there. An error shows as nothing.</summary>
    int Receive(Span<byte> data);

    /// <summary>Waits until there is something to read, from the TUN or the receiver. False: nothing in this time.</summary>
    bool Wait(int milliseconds);
}

/// <summary>Family and protocol of what is sent.</summary>
internal readonly record struct ProbePath(bool IsIPv4, bool IsTcp)
{
    /// <summary>All four.</summary>
    public static IReadOnlyList<ProbePath> All { get; } = [new(true, false), new(true, true), new(false, false), new(false, true)];

    public override string ToString() => $"{(IsTcp ? "TCP" : "UDP")} over {(IsIPv4 ? "IPv4" : "IPv6")}";
}
