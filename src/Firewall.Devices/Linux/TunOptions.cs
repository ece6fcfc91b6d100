using Firewall.Core.Packets;

namespace Firewall.Devices.Linux;

/// <summary>How to make a TUN.</summary>
public sealed record TunOptions
{
    /// <summary>The most queues that the kernel gives one TUN (MAX_TAP_QUEUES).</summary>
    public const int MaxQueues = 256;

    /// <summary>The smallest MTU: IPv6 does not work below (RFC 8200 section 5).</summary>
    public const int MinMtu = 1280;

    /// <summary>The largest MTU that the kernel gives a TUN.</summary>
    public const int MaxMtu = 65_521;

    /// <summary>
    /// The default of <see cref="TransmitQueueLength"/>: 10 ms of small packets at 400 thousand a second, the longest pause that a
    /// garbage collection or a busy core should cause. The kernel's own 500 are gone in little more than a millisecond.
    /// </summary>
    public const int DefaultTransmitQueueLength = 4096;

    /// <summary>The interface's name, see <see cref="InterfaceName.Check"/>.</summary>
    public string Name { get; init; } = "fw0";

    /// <summary>How many queues, each for one worker: 1 to <see cref="MaxQueues"/>.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>
    /// Longest packet in bytes, <see cref="MinMtu"/> to <see cref="MaxMtu"/>, or 0: the smallest of the MTUs of
    /// <see cref="FollowedInterfaces"/>, and 1500 if there are none.
    /// </summary>
    public int Mtu { get; init; }

    /// <summary>The interfaces whose packets the TUN carries; their MTU counts if <see cref="Mtu"/> is 0.</summary>
    public IReadOnlyList<string> FollowedInterfaces { get; init; } = [];

    /// <summary>How many packets the kernel keeps for us before it drops, per queue; 1 or more.</summary>
    public int TransmitQueueLength { get; init; } = DefaultTransmitQueueLength;

    /// <summary>
    /// True: the interface outlives a killed process, the kernel drops what comes meanwhile, and the next one takes it over, with this option or without.
    /// <see cref="LinuxTunDevice.Dispose"/> removes it all the same.
    /// </summary>
    public bool Persistent { get; init; }

    /// <summary>Addresses for the interface; usually none, since nothing is sent to it.</summary>
    public IReadOnlyList<(IpAddress Address, int PrefixLength)> Addresses { get; init; } = [];

    /// <summary>Which offloads to ask for; those that the kernel refuses are left out.</summary>
    public TunOffloads Offloads { get; init; } = TunOffloads.All;

    /// <summary>
    /// Finds out by packets of our own whether the kernel does the granted offloads right, and leaves out those that it does not.
    /// </summary>
    public bool ProbeOffloads { get; init; } = true;

    /// <summary>
    /// Writes consecutive packets of a flow that were read together as one super-packet, of those kinds whose offload is on.
    /// </summary>
    public bool Coalesce { get; init; } = true;

    /// <summary>Reads through io_uring where the kernel has it and allows it; else, and if false, by plain system calls.</summary>
    public bool UseRing { get; init; }

    /// <summary>Waits for packets in the read that brings them where the kernel lets us read without waiting too; else, and if false, in poll.</summary>
    public bool SleepInRead { get; init; } = true;

    /// <summary>The driver's device file.</summary>
    public string DevicePath { get; init; } = "/dev/net/tun";
}
