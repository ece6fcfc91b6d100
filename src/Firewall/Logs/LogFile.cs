namespace Firewall.Logs;

/// <summary>What logs that are made of lines have in common.</summary>
internal static class LogFile
{
    /// <summary>Opens one; it and its folder are made if they are not there. Others may read it, write to it and move it meanwhile.</summary>
    /// <param name="path">The full path.</param>
    /// <param name="access">
    /// For writing alone where it may be a pipe: who has one open for reading too is its reader himself. To a pipe that has no reader this waits for one.
    /// </param>
    public static FileStream Open(string path, FileAccess access)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = access, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        return new FileStream(path, options);
    }

    /// <summary>True if the last line has no end: a kill or a full disk cut it short.</summary>
    /// <param name="file">Open for reading; where it stands does not change.</param>
    public static bool EndsInTheMidst(FileStream file)
    {
        Span<byte> last = stackalloc byte[1];
        return file.Length > 0 && RandomAccess.Read(file.SafeFileHandle, last, file.Length - 1) == 1 && last[0] != (byte)'\n';
    }
}
