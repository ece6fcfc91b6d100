namespace Firewall.Devices.Captures;

/// <summary>
/// A stream read forward through one buffer that is used again and again. Spans got from it are borrowed until the next call. The
/// stream need not be seekable.
/// </summary>
internal sealed class CaptureInput : IDisposable
{
    /// <summary>
    /// The longest packet that is taken in. It is four times what any link carries, and keeps a damaged length field from
    /// allocating gigabytes; libpcap has the same limit.
    /// </summary>
    public const int MaxPacketLength = 262_144;

    private const int FirstBufferLength = 65_536;

    private readonly Stream _stream;
    private byte[] _buffer = new byte[FirstBufferLength];
    private int _start;
    private int _end;
    private long _received;

    public CaptureInput(Stream stream, string name)
    {
        _stream = stream;
        Name = name;
        Length = stream.CanSeek ? stream.Length - stream.Position : null;
    }

    /// <summary>The file's name for messages.</summary>
    public string Name { get; }

    /// <summary>Bytes taken or skipped so far: where the next one stands.</summary>
    public long Offset => _received - (_end - _start);

    /// <summary>The file's length in bytes, or null if the stream cannot tell.</summary>
    public long? Length { get; }

    /// <summary>The next bytes without taking them; fewer than asked for only at the end of the file.</summary>
    /// <param name="count">At most <see cref="MaxPacketLength"/>.</param>
    public ReadOnlySpan<byte> Peek(int count)
    {
        if (_end - _start < count) Fill(count);
        return _buffer.AsSpan(_start, Math.Min(count, _end - _start));
    }

    /// <summary>Takes the next bytes.</summary>
    /// <param name="count">At most <see cref="MaxPacketLength"/>.</param>
    /// <param name="what">What they are, for the message.</param>
    /// <exception cref="CaptureException">The file ends before.</exception>
    public ReadOnlySpan<byte> Take(int count, string what)
    {
        ReadOnlySpan<byte> bytes = Peek(count);
        if (bytes.Length < count) throw EndsWithin(what, count, bytes.Length);
        _start += count;
        return bytes;
    }

    /// <summary>Steps over bytes of any number.</summary>
    /// <exception cref="CaptureException">The file ends before.</exception>
    public void Skip(long count, string what)
    {
        long left = count;
        while (left > 0)
        {
            int step = Peek((int)Math.Min(left, FirstBufferLength)).Length;
            if (step == 0) throw EndsWithin(what, count, count - left);
            _start += step;
            left -= step;
        }
    }

    /// <summary>A fault at the given place.</summary>
    public CaptureException Fault(long offset, string fault) => new(Name, offset, fault);

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private CaptureException EndsWithin(string what, long wanted, long found) =>
        Fault(Offset, $"the file ends within {what}: {wanted} bytes were expected, {found} are there. It was cut off while being written or copied.");

    private void Fill(int count)
    {
        if (_buffer.Length - _start < count)
        {
            byte[] target = count > _buffer.Length ? new byte[MaxPacketLength] : _buffer;
            _buffer.AsSpan(_start, _end - _start).CopyTo(target);
            _buffer = target;
            _end -= _start;
            _start = 0;
        }

        while (_end - _start < count)
        {
            int read = _stream.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0) return;
            _end += read;
            _received += read;
        }
    }
}
