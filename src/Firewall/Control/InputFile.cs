using System.Buffers;

namespace Firewall.Control;

/// <summary>Reads a file that a person named, whole, within a limit.</summary>
internal static class InputFile
{
    /// <summary>
    /// The most that is read. Azure's service tag file has about 10 MB; more than this is no rules file but a mistake, such as a device.
    /// </summary>
    public const int MaxLength = 256 * 1024 * 1024;

    private const int ChunkLength = 64 * 1024;

    /// <summary>All bytes of the file. Also of a pipe, such as <c>&lt;(jq …)</c> in a shell.</summary>
    /// <param name="path">The file.</param>
    /// <param name="before">
    /// What was read from it before; given back if the file still holds the same, so that a reload does not make megabytes of garbage of a
    /// large file that did not change.
    /// </param>
    /// <exception cref="IOException">It cannot be read, or is too long.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no right to read it, or it is a folder.</exception>
    public static byte[] Read(string path, byte[]? before = null)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(ChunkLength);
        try
        {
            if (before is not null && file.CanSeek && file.Length == before.Length)
            {
                if (Holds(file, before, chunk)) return before;
                file.Position = 0;
            }

            var bytes = new MemoryStream(file.CanSeek ? (int)Math.Min(file.Length, MaxLength) : 0);
            for (int read; (read = file.Read(chunk)) > 0;)
            {
                if (bytes.Length + read > MaxLength) throw new IOException($"it holds more than {MaxLength / (1024 * 1024)} MB");
                bytes.Write(chunk, 0, read);
            }

            return bytes.Length == bytes.Capacity ? bytes.GetBuffer() : bytes.ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private static bool Holds(FileStream file, ReadOnlySpan<byte> expected, byte[] chunk)
    {
        for (int read; (read = file.Read(chunk)) > 0;)
        {
            if (read > expected.Length || !chunk.AsSpan(0, read).SequenceEqual(expected[..read])) return false;
            expected = expected[read..];
        }

        return expected.IsEmpty;
    }
}
