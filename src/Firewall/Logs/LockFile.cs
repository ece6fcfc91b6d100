namespace Firewall.Logs;

/// <summary>
/// A file beside a log that lets in one writer at a time. There are two while an instance hands over to another one, and .NET appends by writing
/// where the end was when it looked.
/// </summary>
internal static class LockFile
{
    private const long Patience = 5_000;

    /// <summary>Waits for the turn, for some seconds.</summary>
    /// <param name="path">The lock file; it is made if it is not there.</param>
    /// <returns>The turn, which ends with <see cref="Stream.Dispose()"/>.</returns>
    /// <exception cref="IOException">Somebody else does not end his, or the file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be made.</exception>
    public static FileStream Take(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        // Who may open it can also keep it.
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        long begin = Environment.TickCount64;
        while (true)
        {
            try
            {
                return new FileStream(path, options);
            }
            catch (IOException) when (File.Exists(path) && Environment.TickCount64 - begin < Patience)
            {
                Thread.Sleep(1);
            }
        }
    }

    /// <summary>Waits for the turn to write to a file, if there can be one: where no other file may lie beside it there is none.</summary>
    /// <param name="log">The file that is written to.</param>
    public static FileStream? TryTakeFor(string log)
    {
        try
        {
            // Where standard output leads to is a file like any other; beside a device there is no place for one.
            string file = new FileInfo(log).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? log;
            return file.StartsWith("/dev/", StringComparison.Ordinal) && !file.StartsWith("/dev/shm/", StringComparison.Ordinal)
                ? null
                : Take(Path.Combine(Path.GetDirectoryName(file)!, $".{Path.GetFileName(file)}.lock"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
