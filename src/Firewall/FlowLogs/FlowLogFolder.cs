using Firewall.Logs;

namespace Firewall.FlowLogs;

/// <summary>
/// The folder of Azure's formats. While an instance hands over to another one both write there; a lock file lets in one at a time.
/// </summary>
internal sealed class FlowLogFolder(string folder)
{
    private const string LockName = ".lock";

    /// <summary>Adds a record to a file.</summary>
    /// <param name="path">From the folder on.</param>
    /// <param name="block">As for <see cref="BlockFile.Append"/>.</param>
    public void Append(string path, Span<byte> block)
    {
        using FileStream turn = Lock();
        BlockFile.Append(Path.Combine(folder, path), block);
    }

    /// <summary>Cuts off what was left unfinished in any file. Whole files are only looked at: who appends meanwhile waits for one file at the most.</summary>
    /// <param name="end">Ends it before all files were looked at.</param>
    /// <returns>How many files there were to mend.</returns>
    public int Mend(CancellationToken end)
    {
        int mended = 0;
        foreach (string path in BlockFile.FilesIn(folder))
        {
            if (end.IsCancellationRequested) break;
            try
            {
                if (BlockFile.IsWhole(path)) continue;
                using FileStream turn = Lock();
                if (BlockFile.Mend(path)) mended++;
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                // Its time was over just now.
            }
        }

        return mended;
    }

    /// <summary>Removes a file, and the folders that are empty then; not in the midst of somebody's <see cref="Append"/>.</summary>
    /// <param name="path">The full path.</param>
    public void Remove(string path)
    {
        using FileStream turn = Lock();
        File.Delete(path);
        DirectoryInfo? at = Directory.GetParent(path);
        for (; at is not null && at.FullName.Length > folder.Length && !at.EnumerateFileSystemInfos().Any(); at = at.Parent) at.Delete();
    }

    private FileStream Lock()
    {
        Directory.CreateDirectory(folder);
        return LockFile.Take(Path.Combine(folder, LockName));
    }
}
