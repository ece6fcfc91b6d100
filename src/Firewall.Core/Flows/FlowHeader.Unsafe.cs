using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Firewall.Core.Flows;

/// <summary>
/// The first bytes of a flow region: who wrote it and how it is laid out. A process that finds a region of another version, another start
/// of the machine (its clock counts from there) or with a checksum that does not fit leaves it alone.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = SizeInBytes)]
internal struct FlowHeader
{
    public const int SizeInBytes = 96;

    private const ulong MagicNumber = 0x3157_4F4C_4657_4F4C;

    public ulong Magic;
    public uint Version;
    public int RecordLength;
    public int MaxFlows;
    public int Shards;
    public Guid BootId;
    public HashKey Key;
    public ulong Checksum;

    public static unsafe ref FlowHeader Of(FlowRegion region)
    {
        if (region.Length < FlowLayout.HeaderLength) throw new ArgumentException("The region has no room for its header.");
        return ref *(FlowHeader*)region.Address;
    }

    /// <summary>Fills the header of a new region. The magic number comes last, so that a half-written one is not taken for whole.</summary>
    public void Write(in FlowLayout layout, Guid bootId, in HashKey key)
    {
        Magic = 0;
        Version = FlowLayout.Version;
        RecordLength = FlowRecord.SizeInBytes;
        MaxFlows = layout.MaxFlows;
        Shards = layout.Shards;
        BootId = bootId;
        Key = key;
        Checksum = ComputeChecksum();
        Volatile.Write(ref Magic, MagicNumber);
    }

    /// <summary>What speaks against adopting the region; null if nothing does.</summary>
    public readonly string? FindFault(Guid bootId, long regionLength)
    {
        if (Magic != MagicNumber) return "it holds no flow table";
        if (Checksum != ComputeChecksum()) return "its header is damaged";
        if (Version != FlowLayout.Version || RecordLength != FlowRecord.SizeInBytes) return "it was written by another version";
        if (BootId != bootId) return "it is from before the last start of the machine";
        if (MaxFlows < 1 || MaxFlows > FlowTable.LargestMaximum || !FlowLayout.CanHave(Shards)) return "its header makes no sense";
        return new FlowLayout(MaxFlows, Shards).Length > regionLength ? "it is shorter than its header says" : null;
    }

    private readonly ulong ComputeChecksum()
    {
        // Against accidents, not against forgers: who can write the file owns the firewall.
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<FlowHeader>(in this));
        ulong sum = 0xCBF2_9CE4_8422_2325;
        for (int at = sizeof(ulong); at < (int)Marshal.OffsetOf<FlowHeader>(nameof(Checksum)); at += sizeof(uint))
        {
            sum = (sum ^ BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..])) * 0x0000_0100_0000_01B3;
        }

        return sum;
    }

    /// <summary>The table's hash key.</summary>
    [System.Runtime.CompilerServices.InlineArray(Length)]
    public struct HashKey
    {
        public const int Length = 32;

        private byte _first;
    }
}
