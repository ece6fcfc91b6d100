using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// Idle timeouts by state. Immutable. The defaults and the reasons for them are in docs/decisions/0006-flow-timeouts.md.
/// </summary>
public sealed record FlowTimeouts
{
    /// <summary>The longest timeout that a flow record can hold: 7 days.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(7);

    /// <summary>After the first SYN.</summary>
    public TimeSpan TcpSynSent { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>After the SYN/ACK.</summary>
    public TimeSpan TcpSynReceived { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Between packets of an established connection (RFC 5382 REQ-5 asks for at least 2 h 4 min).</summary>
    public TimeSpan TcpEstablished { get; init; } = TimeSpan.FromMinutes(124);

    /// <summary>After the first FIN.</summary>
    public TimeSpan TcpFinWait { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Half-closed: the first FIN was acknowledged and the other end may still send.</summary>
    public TimeSpan TcpCloseWait { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>After both FINs: longer than the longest interval at which a host sends its FIN again, 120 s in Linux.</summary>
    public TimeSpan TcpLastAck { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>After an acknowledgment behind both FINs, which need not be the last one's: as long as <see cref="TcpLastAck"/>.</summary>
    public TimeSpan TcpTimeWait { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>After a RST.</summary>
    public TimeSpan TcpClose { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>UDP before the first answer.</summary>
    public TimeSpan UdpUnreplied { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>UDP between packets of a two-way exchange.</summary>
    public TimeSpan UdpReplied { get; init; } = TimeSpan.FromSeconds(180);

    /// <summary>An ICMP query and its answers (RFC 5508 REQ-1 asks for at least 60 s).</summary>
    public TimeSpan Icmp { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Other protocols before the first answer.</summary>
    public TimeSpan OtherUnreplied { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Other protocols after it.</summary>
    public TimeSpan OtherReplied { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>
    /// Azure's <c>flowTimeoutInMinutes</c> on top: every flow that both ends talk on idles out after so long, whatever its protocol.
    /// </summary>
    public FlowTimeouts WithFlowTimeout(TimeSpan flowTimeout) =>
        this with { TcpEstablished = flowTimeout, UdpReplied = flowTimeout, OtherReplied = flowTimeout };
}

/// <summary>The timeouts as a table that the path can look into: milliseconds by protocol class and state.</summary>
internal sealed class TimeoutTable
{
    private const int Stride = 16;
    private readonly uint[] _milliseconds = new uint[4 * Stride];

    public TimeoutTable(FlowTimeouts timeouts)
    {
        SetTcp(TcpState.SynSent, timeouts.TcpSynSent);
        SetTcp(TcpState.SynSent2, timeouts.TcpSynSent);
        SetTcp(TcpState.SynReceived, timeouts.TcpSynReceived);
        SetTcp(TcpState.Established, timeouts.TcpEstablished);
        SetTcp(TcpState.FinWait, timeouts.TcpFinWait);
        SetTcp(TcpState.CloseWait, timeouts.TcpCloseWait);
        SetTcp(TcpState.LastAck, timeouts.TcpLastAck);
        SetTcp(TcpState.TimeWait, timeouts.TcpTimeWait);
        SetTcp(TcpState.Close, timeouts.TcpClose);
        SetDatagram(1, timeouts.UdpUnreplied, timeouts.UdpReplied);
        SetDatagram(2, timeouts.Icmp, timeouts.Icmp);
        SetDatagram(3, timeouts.OtherUnreplied, timeouts.OtherReplied);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Of(byte protocol, byte state) => _milliseconds[ClassOf(protocol) + state];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ClassOf(byte protocol) => protocol switch
    {
        IpProtocol.Tcp => 0,
        IpProtocol.Udp => Stride,
        IpProtocol.Icmp or IpProtocol.Icmpv6 => 2 * Stride,
        _ => 3 * Stride,
    };

    private void SetTcp(TcpState state, TimeSpan timeout) => _milliseconds[(int)state] = Checked(timeout);

    private void SetDatagram(int row, TimeSpan unreplied, TimeSpan replied)
    {
        _milliseconds[(row * Stride) + (int)DatagramState.Unreplied] = Checked(unreplied);
        _milliseconds[(row * Stride) + (int)DatagramState.Replied] = Checked(replied);
    }

    private static uint Checked(TimeSpan timeout)
    {
        if (timeout < TimeSpan.FromMilliseconds(1) || timeout > FlowTimeouts.Longest)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, $"A flow timeout lies between 1 ms and {FlowTimeouts.Longest}.");
        }

        return (uint)timeout.TotalMilliseconds;
    }
}
