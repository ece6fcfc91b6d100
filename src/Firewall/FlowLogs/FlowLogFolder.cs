namespace Firewall.FlowLogs;

/// <summary>
/// The folder of Azure's formats. While an instance hands over to another one both write there; a lock file lets in one at a time.
/// </summary>
internal sealed class FlowLogFolder(string folder)
{
    private const string LockName = ".lock";
    private const long Patience = 5_000;

    /// <summary>Adds a record to a file.</summary>
    /// <param name="path">From the folder on.</param>
    /// <param name="block">As for <see cref="BlockFile.Append"/>.</param>
    public void Append(string path, Span<byte> block)
    {
        using FileStream turn = Lock();
        BlockFile.Append(Path.Combine(folder, path), block);
    }

    /// <summary>Cuts off what was left unfinished.</summary>
    /// <returns>How many files there were to mend.</returns>
    public int Mend()
    {
        if (!Directory.Exists(folder)) return 0;
        using FileStream turn = Lock();
        return BlockFile.MendAll(folder);
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
        long begin = Environment.TickCount64;
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException) when (Environment.TickCount64 - begin < Patience)
            {
                Thread.Sleep(1);
            }
        }
    }
}
