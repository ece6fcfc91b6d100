namespace Firewall.Control;

/// <summary>Reads a file that a person named, whole, within a limit.</summary>
internal static class InputFile
{
    /// <summary>
    /// The most that is read. Azure's service tag file has about 10 MB; more than this is no rules file but a mistake, such as a device.
    /// </summary>
    public const int MaxLength = 256 * 1024 * 1024;

    /// <summary>All bytes of the file. Also of a pipe, such as <c>&lt;(jq …)</c> in a shell.</summary>
    /// <exception cref="IOException">It cannot be read, or is too long.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no right to read it, or it is a folder.</exception>
    public static byte[] Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var bytes = new MemoryStream(file.CanSeek ? (int)Math.Min(file.Length, MaxLength) : 0);
        byte[] chunk = new byte[64 * 1024];
        for (int read; (read = file.Read(chunk)) > 0;)
        {
            if (bytes.Length + read > MaxLength) throw new IOException($"it holds more than {MaxLength / (1024 * 1024)} MB");
            bytes.Write(chunk, 0, read);
        }

        return bytes.ToArray();
    }
}
