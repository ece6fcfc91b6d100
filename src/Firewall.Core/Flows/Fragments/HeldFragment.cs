using Firewall.Core.Packets;

namespace Firewall.Core.Flows.Fragments;

/// <summary>A fragment that waits for its datagram's first one, or has just learned what becomes of it. Numbers are 1-based; 0 is none.</summary>
internal struct HeldFragment
{
    public PacketInfo Packet;

    /// <summary>The caller's name for the packet.</summary>
    public long Number;

    /// <summary>When it came, in milliseconds.</summary>
    public long Time;

    /// <summary>The packet's length on the wire in bytes.</summary>
    public int WireLength;

    /// <summary>Device header and packet in bytes.</summary>
    public int FrameLength;

    /// <summary>The rule of its datagram's verdict.</summary>
    public int Rule;

    /// <summary>How the packet lies to the protected network.</summary>
    public byte Direction;

    /// <summary><see cref="FragmentFate.Held"/>, then its end.</summary>
    public FragmentFate Fate;

    /// <summary>Its datagram's place in the table.</summary>
    public int Datagram;

    /// <summary>The next of its datagram, of a <see cref="SettledFragments"/> list or of the free ones.</summary>
    public int Next;

    /// <summary>The one of all held fragments that came before it.</summary>
    public int Older;

    /// <summary>The one of all held fragments that came after it.</summary>
    public int Newer;

    /// <summary>Its frame's first block.</summary>
    public int FirstBlock;
}
