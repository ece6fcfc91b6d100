namespace Firewall.FlowLogs;

/// <summary>
/// A file as Azure's flow logs are stored: twelve bytes of head, records with commas between, two bytes of tail. A record goes in before the
/// tail by a single write, so that the file is valid JSON before and after. What a killed process or a full disk left unfinished is cut off.
/// </summary>
internal static class BlockFile
{
    private const string Name = "PT1H.json";
    private const int Piece = 64 << 10;

    /// <summary>How a file begins.</summary>
    public static ReadOnlySpan<byte> Head => "{\"records\":["u8;

    /// <summary>How a file ends.</summary>
    public static ReadOnlySpan<byte> Tail => "]}"u8;

    // How the records of both formats end. It stands nowhere else: a quote within a string would be escaped.
    private static ReadOnlySpan<byte> RecordEnd => "\"]}]}]}}"u8;

    /// <summary>Adds a record. If that fails, the file is as before.</summary>
    /// <param name="path">The file; it and its folders are made if they are not there.</param>
    /// <param name="block"><see cref="Head"/>, the record, <see cref="Tail"/>; changed in the call.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be written.</exception>
    public static void Append(string path, Span<byte> block)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using FileStream file = Open(path, FileMode.OpenOrCreate);
        long length = file.Length;
        if (length > 0 && !IsWhole(file)) length = Mend(file);
        if (length > 0) block[Head.Length - 1] = (byte)',';
        try
        {
            RandomAccess.Write(file.SafeFileHandle, length == 0 ? block : block[(Head.Length - 1)..], Math.Max(0, length - Tail.Length));
        }
        catch (IOException)
        {
            // Its last two bytes lie in a block that it has already: this needs no room.
            file.SetLength(length);
            if (length > 0) RandomAccess.Write(file.SafeFileHandle, Tail, length - Tail.Length);
            else File.Delete(path);
            throw;
        }
    }

    /// <summary>All such files below a folder.</summary>
    public static IEnumerable<string> FilesIn(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, Name, SearchOption.AllDirectories) : [];

    /// <summary>True if nothing was left unfinished in a file; a record that is being written looks unfinished.</summary>
    public static bool IsWhole(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        return IsWhole(file);
    }

    /// <summary>Cuts off what was left unfinished in a file; one that has no whole record is removed.</summary>
    /// <returns>False if there was nothing to mend.</returns>
    public static bool Mend(string path)
    {
        using FileStream file = Open(path, FileMode.Open);
        if (IsWhole(file)) return false;
        if (Mend(file) == 0) File.Delete(path);
        return true;
    }

    private static FileStream Open(string path, FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows() && mode != FileMode.Open) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        return new FileStream(path, options);
    }

    private static bool IsWhole(FileStream file)
    {
        Span<byte> end = stackalloc byte[RecordEnd.Length + Tail.Length];
        return file.Length >= end.Length
            && RandomAccess.Read(file.SafeFileHandle, end, file.Length - end.Length) == end.Length
            && end.StartsWith(RecordEnd)
            && end.EndsWith(Tail);
    }

    // Searches the last whole record from the end on. Returns the file's new length; 0 if there is none.
    private static long Mend(FileStream file)
    {
        byte[] piece = new byte[Piece + RecordEnd.Length];
        for (long end = file.Length; end > 0; end -= Piece)
        {
            long start = Math.Max(0, end - Piece);
            int read = RandomAccess.Read(file.SafeFileHandle, piece.AsSpan(0, (int)Math.Min(piece.Length, file.Length - start)), start);
            int at = piece.AsSpan(0, read).LastIndexOf(RecordEnd);
            if (at < 0) continue;
            long length = start + at + RecordEnd.Length;
            file.SetLength(length);
            RandomAccess.Write(file.SafeFileHandle, Tail, length);
            return length + Tail.Length;
        }

        file.SetLength(0);
        return 0;
    }
}
