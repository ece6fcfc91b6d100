using System.Buffers.Binary;
using Firewall.Core.Packets;
using Firewall.Tests.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>A TCP segment as the hosts of the simulation speak of it. Immutable.</summary>
internal sealed record TcpSegment
{
    public required string Source { get; init; }

    public required string Destination { get; init; }

    public required TcpFlags Flags { get; init; }

    public required uint Sequence { get; init; }

    public uint Acknowledgment { get; init; }

    /// <summary>The field as on the wire, not scaled.</summary>
    public ushort Window { get; init; }

    public byte[] Payload { get; init; } = [];

    /// <summary>Maximum segment size option, 0 without.</summary>
    public ushort MaximumSize { get; init; }

    /// <summary>Window scale option, -1 without.</summary>
    public int Scale { get; init; } = -1;

    public bool SackPermitted { get; init; }

    /// <summary>Timestamp option: value and echo.</summary>
    public (uint Value, uint Echo)? Timestamp { get; init; }

    /// <summary>SACK blocks, at most three beside a timestamp, four without.</summary>
    public IReadOnlyList<(uint Start, uint End)> Sack { get; init; } = [];

    public bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>Sequence numbers it takes: payload, SYN and FIN.</summary>
    public uint Length => (uint)Payload.Length + (Has(TcpFlags.Syn) ? 1u : 0) + (Has(TcpFlags.Fin) ? 1u : 0);

    public uint End => Sequence + Length;

    /// <summary>The segment as an IP packet with right checksums.</summary>
    public byte[] ToPacket()
    {
        byte[] options = Options();
        byte[] bytes = new byte[20 + options.Length + Payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, PortOf(Source));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), PortOf(Destination));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), Acknowledgment);
        bytes[12] = (byte)((20 + options.Length) / 4 << 4);
        bytes[13] = (byte)Flags;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(14), Window);
        options.CopyTo(bytes, 20);
        Payload.CopyTo(bytes, 20 + options.Length);
        return PacketBuilder.Ip(Source, Destination, IpProtocol.Tcp, bytes);
    }

    public override string ToString()
    {
        string text = $"{Source} > {Destination} [{Letters(Flags)}] seq {Sequence} len {Payload.Length}";
        if (Has(TcpFlags.Ack)) text += $" ack {Acknowledgment}";
        text += $" win {Window}";
        if (Scale >= 0) text += $" ws {Scale}";
        foreach ((uint start, uint end) in Sack) text += $" sack {start}-{end}";
        return text;
    }

    private static string Letters(TcpFlags flags)
    {
        const string Names = "FSRPAUEW";
        string letters = "";
        for (int bit = 0; bit < Names.Length; bit++)
        {
            if (((int)flags >> bit & 1) != 0) letters += Names[bit];
        }

        return letters;
    }

    private static ushort PortOf(string endpoint) =>
        ushort.Parse(endpoint.AsSpan(endpoint.LastIndexOf(':') + 1), System.Globalization.CultureInfo.InvariantCulture);

    private byte[] Options()
    {
        var list = new List<byte>(40);
        if (MaximumSize != 0) list.AddRange([2, 4, (byte)(MaximumSize >> 8), (byte)MaximumSize]);
        if (SackPermitted) list.AddRange([1, 1, 4, 2]);
        if (Timestamp is (uint value, uint echo))
        {
            list.AddRange([1, 1, 8, 10]);
            Add(list, value);
            Add(list, echo);
        }

        if (Scale >= 0) list.AddRange([1, 3, 3, (byte)Scale]);
        if (Sack.Count > 0)
        {
            list.AddRange([1, 1, 5, (byte)(2 + (8 * Sack.Count))]);
            foreach ((uint start, uint end) in Sack)
            {
                Add(list, start);
                Add(list, end);
            }
        }

        return [.. list];
    }

    private static void Add(List<byte> list, uint value) => list.AddRange([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);
}
