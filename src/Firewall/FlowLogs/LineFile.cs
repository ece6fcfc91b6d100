using Firewall.Logs;

namespace Firewall.FlowLogs;

/// <summary>
/// Appends whole lines. A file is opened for each piece, so that it may be moved aside at any time (logrotate(8) needs no signal for it).
/// </summary>
internal static class LineFile
{
    /// <summary>Adds lines to a file. If that fails, the file is as before.</summary>
    /// <param name="path">The file; it and its folder are made if they are not there.</param>
    /// <param name="lines">The last one with its line feed.</param>
    public static void Append(string path, Span<byte> lines)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        using var file = new FileStream(path, options);
        long length = file.Length;
        try
        {
            long at = length;
            // Of a line that a kill or a full disk cut short.
            if (EndsInTheMidst(file)) RandomAccess.Write(file.SafeFileHandle, "\n"u8, at++);
            RandomAccess.Write(file.SafeFileHandle, lines, at);
        }
        catch (IOException)
        {
            file.SetLength(length);
            throw;
        }
    }

    /// <summary>Writes lines to standard output; waits as long as its reader makes it wait.</summary>
    /// <param name="path">Not used.</param>
    /// <param name="lines">The last one with its line feed.</param>
    public static void AppendToStandardOutput(string path, Span<byte> lines) => StandardOutputs.WriteOutput(lines);

    private static bool EndsInTheMidst(FileStream file)
    {
        Span<byte> last = stackalloc byte[1];
        return file.Length > 0 && RandomAccess.Read(file.SafeFileHandle, last, file.Length - 1) == 1 && last[0] != (byte)'\n';
    }
}
