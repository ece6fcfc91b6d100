using System.Buffers.Binary;

namespace Firewall.Tests.App;

/// <summary>Writes a classic pcap file byte by byte, so that a golden test depends on no writer of ours.</summary>
internal sealed class CaptureBytes
{
    public const int RawIp = 101;
    public const int Ethernet = 1;

    private readonly MemoryStream _bytes = new();
    private readonly bool _nanoseconds;
    private int _count;

    public CaptureBytes(int linkType = RawIp, bool nanoseconds = false)
    {
        _nanoseconds = nanoseconds;
        Words(nanoseconds ? 0xA1B23C4Du : 0xA1B2C3D4u, 0x0004_0002, 0, 0, 65535, (uint)linkType);
    }

    /// <summary>Adds a record; the time in seconds since 1970 and in units of the file.</summary>
    public CaptureBytes Add(uint seconds, uint fraction, byte[] frame, int cutTo = int.MaxValue)
    {
        int length = Math.Min(frame.Length, cutTo);
        Words(seconds, fraction, (uint)length, (uint)frame.Length);
        _bytes.Write(frame, 0, length);
        return this;
    }

    /// <summary>Adds a record a second after 2023-11-14T22:13:20Z for each call before.</summary>
    public CaptureBytes Add(byte[] frame) => Add(1_700_000_000 + (uint)_count++, _nanoseconds ? 1000u : 1u, frame);

    public byte[] ToArray() => _bytes.ToArray();

    private void Words(params uint[] words)
    {
        Span<byte> word = stackalloc byte[4];
        foreach (uint value in words)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(word, value);
            _bytes.Write(word);
        }
    }
}
