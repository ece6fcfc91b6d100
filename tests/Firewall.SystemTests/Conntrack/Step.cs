using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Tests.Simulation;

namespace Firewall.SystemTests.Conntrack;

/// <summary>What our engine made of one packet.</summary>
/// <param name="Info">The packet as it was read.</param>
/// <param name="Verdict">What became of it.</param>
/// <param name="Before">What was known before of its flow, or of the one that an ICMP error is about.</param>
/// <param name="After">What is known of it now.</param>
/// <param name="IsBehindAnother">True if a segment was refused, or a SYN/ACK came, since the last SYN that passed.</param>
/// <param name="IsOnPickedUp">True if the handshake of this connection was seen, on the ports of one that had been picked up in its middle.</param>
/// <param name="SynEnd">The number behind the last SYN that passed, and its data.</param>
internal readonly record struct Step(
    PacketInfo Info, Verdict Verdict, FlowSnapshot Before, FlowSnapshot After, bool IsBehindAnother, bool IsOnPickedUp, uint SynEnd)
{
    private const TcpFlags Unlooked = TcpFlags.Psh | TcpFlags.Ece | TcpFlags.Cwr;

    /// <summary>The TCP flags that count.</summary>
    public TcpFlags Flags => Info.TcpFlags & ~Unlooked;

    public bool IsReset => (Info.TcpFlags & TcpFlags.Rst) != 0;

    /// <summary>State, direction, flags and reason, to count differences by.</summary>
    public string Kind => Info.Protocol == IpProtocol.Tcp
        ? $"{Before.State} {(Before.IsForward ? "forward" : "reply")} [{Flags}]: {Verdict.Reason}"
        : $"protocol {Info.Protocol} type {Info.IcmpType}: {Verdict.Reason}";
}
