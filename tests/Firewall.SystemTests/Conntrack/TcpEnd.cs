namespace Firewall.SystemTests.Conntrack;

/// <summary>One end of a generated conversation: what it has sent and what has reached it.</summary>
internal sealed class TcpEnd
{
    public required string Endpoint { get; init; }

    /// <summary>Its SYN's sequence number.</summary>
    public uint First { get; set; }

    /// <summary>The next sequence number to send.</summary>
    public uint Next { get; set; }

    /// <summary>What the other end has acknowledged, as far as it has heard.</summary>
    public uint Acknowledged { get; set; }

    /// <summary>What it expects next from the other end.</summary>
    public uint Expected { get; set; }

    /// <summary>Something beyond <see cref="Expected"/> that has come already; empty if both are equal.</summary>
    public (uint Start, uint End) Ahead { get; set; }

    /// <summary>The other end's SYN has come.</summary>
    public bool HasHeard { get; set; }

    /// <summary>There is something to acknowledge selectively.</summary>
    public bool HasGap => Ahead.Start != Ahead.End && unchecked((int)(Ahead.Start - Expected)) > 0;

    public bool HasClosed { get; set; }

    public ushort Window { get; set; } = 65_535;

    /// <summary>Window scale that its SYN offers, -1 for none.</summary>
    public int Scale { get; set; } = -1;

    public bool SackPermitted { get; set; }
}
