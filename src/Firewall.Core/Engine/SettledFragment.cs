using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.Core.Engine;

/// <summary>
/// A fragment whose verdict was <see cref="VerdictReason.FragmentHeld"/> and that now has its final one. Borrowed: it is valid until the
/// engine's next <see cref="FirewallEngine.Inspect(ReadOnlySpan{byte}, int, Rules.Policy, long, out PacketInfo, long)"/> or
/// <see cref="FirewallEngine.Maintain"/>.
/// </summary>
public readonly struct SettledFragment
{
    private readonly FragmentTable _table;
    private readonly int _index;

    internal SettledFragment(FragmentTable table, int index, Verdict verdict)
    {
        _table = table;
        _index = index;
        Verdict = verdict;
    }

    /// <summary>Its final verdict; already counted.</summary>
    public Verdict Verdict { get; }

    /// <summary>What the header reader found when it came.</summary>
    public PacketInfo Packet => _table.Settled(_index).Packet;

    /// <summary>The number that the caller gave it when it came.</summary>
    public long Number => _table.Settled(_index).Number;

    /// <summary>Device header and packet, in bytes.</summary>
    public int FrameLength => _table.Settled(_index).FrameLength;

    /// <summary>Copies device header and packet as they came. Only for an allowed one: the bytes of others are gone.</summary>
    /// <param name="destination">At least <see cref="FrameLength"/> bytes.</param>
    public void CopyFrame(Span<byte> destination) => _table.CopyFrame(_index, destination);
}
