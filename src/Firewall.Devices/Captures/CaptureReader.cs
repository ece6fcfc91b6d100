namespace Firewall.Devices.Captures;

/// <summary>
/// Reads capture files, classic pcap and pcapng, forward and record by record. It is our own because it must work where libpcap is not
/// installed; see docs/decisions/0002-own-capture-reader.md. For one thread.
/// </summary>
public sealed class CaptureReader : IDisposable
{
    /// <summary>The file name that stands for standard input.</summary>
    public const string StandardInput = "-";

    private readonly CaptureInput _input;
    private readonly CaptureFormat _format;
    private long _count;
    private bool _isOver;

    private CaptureReader(CaptureInput input)
    {
        _input = input;
        _format = CaptureFormat.Detect(input);
    }

    /// <summary>The file's name, as it stands in messages.</summary>
    public string Name => _input.Name;

    /// <summary>Bytes of the file read so far.</summary>
    public long BytesRead => _input.Offset;

    /// <summary>The file's length in bytes, or null if it cannot be known (a pipe).</summary>
    public long? TotalBytes => _input.Length;

    /// <summary>
    /// The link types of the interfaces that the file has described so far: one for classic pcap; for pcapng mostly all before the first
    /// packet, but the format lets interfaces come later.
    /// </summary>
    public IReadOnlyCollection<int> LinkTypes => _format.LinkTypes;

    /// <summary>True if the file has timestamps finer than a microsecond, as far as it was read.</summary>
    public bool HasNanoseconds => _format.HasNanoseconds;

    /// <summary>Opens a capture file, or standard input if the path is <c>-</c>.</summary>
    /// <exception cref="CaptureException">The file cannot be opened, is none of the formats, or has a link type that is not supported.</exception>
    public static CaptureReader OpenFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path == StandardInput) return Open(Console.OpenStandardInput(), "standard input");
        try
        {
            return Open(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CaptureException(path, -1, "there is no such file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CaptureException(path, -1, Directory.Exists(path) ? "this is a directory, not a capture file." : $"the file cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Reads a capture's header. The stream becomes the reader's own, also if this fails; it need not be seekable.</summary>
    /// <param name="stream">The capture from its first byte on.</param>
    /// <param name="name">How messages name it.</param>
    /// <exception cref="CaptureException">The stream is none of the formats, is cut off, or has a link type that is not supported.</exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static CaptureReader Open(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            return new CaptureReader(new CaptureInput(stream, name));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads the next record, whether it carries IP or not; false at the end of the file, and ever after.</summary>
    /// <param name="packet">The record; borrowed until the next call.</param>
    /// <exception cref="CaptureException">
    /// The file is damaged or cut off here, or a pcapng packet has a link type that is not supported. All records before were delivered;
    /// there are no more.
    /// </exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public bool TryReadNext(out CapturedPacket packet)
    {
        packet = default;
        if (_isOver) return false;
        _isOver = true;
        if (!_format.TryRead(out CaptureRecord record)) return false;
        _isOver = false;
        packet = new CapturedPacket
        {
            Number = ++_count,
            Timestamp = record.Timestamp,
            LinkType = record.LinkType,
            Frame = record.Frame,
            FrameWireLength = record.WireLength,
            PacketOffset = LinkLayer.FindIp(record.LinkType, record.Frame),
        };
        return true;
    }

    /// <summary>Closes the stream.</summary>
    public void Dispose() => _input.Dispose();
}
