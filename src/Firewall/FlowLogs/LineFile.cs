using Firewall.Logs;

namespace Firewall.FlowLogs;

/// <summary>
/// Appends whole lines. A file is opened for each piece, so that it may be moved aside at any time (logrotate(8) needs no signal for it).
/// </summary>
internal static class LineFile
{
    /// <summary>
    /// Adds lines to a file. If that fails, the file is as before. What has no end to add to (a pipe, a terminal) gets them as it is, and may make one wait.
    /// </summary>
    /// <param name="path">The file; it and its folder are made if they are not there.</param>
    /// <param name="lines">The last one with its line feed.</param>
    public static void Append(string path, Span<byte> lines)
    {
        using (FileStream asItIs = LogFile.Open(path, FileAccess.Write))
        {
            if (!asItIs.CanSeek)
            {
                asItIs.Write(lines);
                return;
            }
        }

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

    /// <summary>Writes lines to standard output; waits as long as its reader makes it wait.</summary>
    /// <param name="path">Not used.</param>
    /// <param name="lines">The last one with its line feed.</param>
    public static void AppendToStandardOutput(string path, Span<byte> lines) => StandardOutputs.WriteOutput(lines);
}
