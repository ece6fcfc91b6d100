using System.Buffers.Binary;

namespace Firewall.Devices.Captures;

/// <summary>
/// Writes packets of a capture to a classic pcap file, which every tool reads. Frames are written as they came, with their time and
/// wire length. For one thread.
/// </summary>
/// <remarks>
/// A classic file has one link type. It is the source's own while that has one only, else raw IP (101). A pcapng source may describe
/// one more after writing has begun; its packets then stand behind a made-up header of the file's link type, with addresses of zero.
/// </remarks>
public sealed class CaptureWriter : IDisposable
{
    private const int MaxMadeUpHeader = 20;

    private readonly Stream _stream;
    private readonly CaptureReader _source;
    private readonly byte[] _header = new byte[Math.Max(PcapFormat.FileHeaderLength, PcapFormat.RecordHeaderLength + MaxMadeUpHeader)];
    private bool _hasNanoseconds;
    private bool _hasBegun;

    /// <summary>Makes a writer for packets of one reader. Nothing is written yet.</summary>
    /// <param name="stream">Where the file goes; it becomes the writer's own.</param>
    /// <param name="source">Whose packets will be written.</param>
    public CaptureWriter(Stream stream, CaptureReader source)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(source);
        _stream = new BufferedStream(stream, 65_536);
        _source = source;
    }

    /// <summary>The file's link type; -1 until the first packet or <see cref="Flush"/> settles it.</summary>
    public int FileLinkType { get; private set; } = -1;

    /// <summary>Packets written so far.</summary>
    public long Count { get; private set; }

    /// <summary>Writes one packet.</summary>
    /// <returns>False if it was left out: a frame of another link type than the file's without IP, or of the version that the file is not for.</returns>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public bool Write(in CapturedPacket packet)
    {
        Begin();
        ReadOnlySpan<byte> bytes = packet.Frame;
        int wireLength = packet.FrameWireLength;
        int madeUp = 0;
        if (packet.LinkType != FileLinkType)
        {
            if (packet.Packet.IsEmpty) return false;
            bytes = packet.Packet;
            bool isIPv4 = bytes[0] >> 4 == 4;
            if (FileLinkType == (isIPv4 ? LinkType.IPv6 : LinkType.IPv4)) return false;
            madeUp = LinkLayer.WriteHeader(FileLinkType, isIPv4, _header.AsSpan(PcapFormat.RecordHeaderLength));
            wireLength = packet.WireLength + madeUp;
        }

        // The format's seconds are 32 bits without sign.
        long seconds = Math.Clamp(packet.Timestamp / 1_000_000_000, 0, uint.MaxValue);
        long fraction = packet.Timestamp % 1_000_000_000;
        WriteUInt32(0, (uint)seconds);
        WriteUInt32(4, (uint)(_hasNanoseconds ? fraction : fraction / 1_000));
        WriteUInt32(8, (uint)(madeUp + bytes.Length));
        WriteUInt32(12, (uint)wireLength);
        _stream.Write(_header, 0, PcapFormat.RecordHeaderLength + madeUp);
        _stream.Write(bytes);
        Count++;
        return true;
    }

    /// <summary>Writes what is buffered, so that the file is whole up to here.</summary>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Flush()
    {
        Begin();
        _stream.Flush();
    }

    /// <summary>Completes the file (a file without packets gets its header) and closes the stream.</summary>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Dispose()
    {
        try
        {
            Flush();
        }
        finally
        {
            _stream.Dispose();
        }
    }

    private void Begin()
    {
        if (_hasBegun) return;
        _hasBegun = true;
        _hasNanoseconds = _source.HasNanoseconds;
        FileLinkType = _source.LinkTypes.Count == 1 ? _source.LinkTypes.First() : LinkType.Raw;
        _header.AsSpan().Clear();
        WriteUInt32(0, _hasNanoseconds ? PcapFormat.NanosecondMagic : PcapFormat.MicrosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(_header.AsSpan(4), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(_header.AsSpan(6), 4);
        WriteUInt32(16, CaptureInput.MaxPacketLength);
        WriteUInt32(20, (uint)FileLinkType);
        _stream.Write(_header, 0, PcapFormat.FileHeaderLength);
    }

    private void WriteUInt32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(offset), value);
}
