using Firewall.Core.Packets;

namespace Firewall.FlowLogs;

/// <summary>Denied flows of an interval, so that a client that tries again is one entry. Bounded: after very many it forgets them all.</summary>
internal sealed class DeniedFlows
{
    private const int Most = 65_536;

    private readonly HashSet<Key> _seen = [];

    /// <summary>True for the first packet of its flow.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="port">Its destination port, or the type of an ICMP query.</param>
    /// <param name="rule">The rule that denied it.</param>
    public bool IsNew(in PacketInfo packet, ushort port, int rule)
    {
        if (_seen.Count == Most) _seen.Clear();
        return _seen.Add(new Key(packet.Source, packet.SourcePort, packet.Destination, port, packet.Protocol, rule));
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => _seen.Clear();

    private readonly record struct Key(IpAddress Source, ushort SourcePort, IpAddress Destination, ushort DestinationPort, byte Protocol, int Rule);
}
