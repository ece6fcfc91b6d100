using Firewall.Logs;

namespace Firewall.FlowLogs;

/// <summary>
/// Appends whole lines. A file is opened for each piece, so that it may be moved aside at any time (logrotate(8) needs no signal for it); a pipe
/// stays open, since its reader would take a close for the end. For one thread at a time.
/// </summary>
internal sealed class LineFile : IDisposable
{
    private FileStream? _pipe;

    /// <summary>
    /// Adds lines to a file. If that fails, the file is as before. What has no end to add to (a pipe, a terminal) gets them as it is, and may make one wait.
    /// </summary>
    /// <param name="path">The file; it and its folder are made if they are not there.</param>
    /// <param name="lines">The last one with its line feed.</param>
    public void Append(string path, Span<byte> lines)
    {
        _pipe ??= OpenPipe(path);
        if (_pipe is null) AppendToFile(path, lines);
        else WriteToPipe(_pipe, lines);
    }

    /// <summary>Writes lines to standard output; waits as long as its reader makes it wait.</summary>
    /// <param name="path">Not used.</param>
    /// <param name="lines">The last one with its line feed.</param>
    public static void AppendToStandardOutput(string path, Span<byte> lines) => StandardOutputs.WriteOutput(lines);

    /// <inheritdoc/>
    public void Dispose() => _pipe?.Dispose();

    private static FileStream? OpenPipe(string path)
    {
        FileStream asItIs = LogFile.Open(path, FileAccess.Write);
        if (!asItIs.CanSeek) return asItIs;
        asItIs.Dispose();
        return null;
    }

    private void WriteToPipe(FileStream pipe, Span<byte> lines)
    {
        try
        {
            pipe.Write(lines);
        }
        catch (IOException)
        {
            // The next reader opens it anew.
            pipe.Dispose();
            _pipe = null;
            throw;
        }
    }

    private static void AppendToFile(string path, Span<byte> lines)
    {
        using FileStream? turn = LockFile.TryTakeFor(path);
        using FileStream file = LogFile.Open(path, FileAccess.ReadWrite);
        long length = file.Length;
        try
        {
            long at = length;
            if (LogFile.EndsInTheMidst(file)) RandomAccess.Write(file.SafeFileHandle, "\n"u8, at++);
            RandomAccess.Write(file.SafeFileHandle, lines, at);
        }
        catch (IOException)
        {
            file.SetLength(length);
            throw;
        }
    }
}
