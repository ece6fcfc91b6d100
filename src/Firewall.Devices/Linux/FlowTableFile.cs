namespace Firewall.Devices.Linux;

/// <summary>
/// The file of a flow table: the table's region, and behind it text that its owner appends. A new one is made under another name and takes
/// the place of the old one when it is complete, so that there is a whole file at any time. Only its owner can open it.
/// </summary>
public sealed class FlowTableFile : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly FileStream _stream;
    private readonly string _path;
    private string _name;

    private FlowTableFile(string path, string name, FileStream stream, MappedFlowRegion region)
    {
        _path = path;
        _name = name;
        _stream = stream;
        Region = region;
    }

    /// <summary>The memory. Of a new file it belongs to the table that is made on it, of an old one to this object's user.</summary>
    public MappedFlowRegion Region { get; }

    /// <summary>Makes a new, zeroed file beside the path; <see cref="Publish"/> puts it there.</summary>
    /// <param name="path">Full path.</param>
    /// <param name="length">The region's length in bytes.</param>
    /// <param name="hugePages">As <see cref="MappedFlowRegion.Map"/> says.</param>
    /// <exception cref="IOException">It cannot be made, or its file system has less room than the table may once need.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder does not let us.</exception>
    public static FlowTableFile Create(string path, long length, bool hugePages = false)
    {
        string folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);

        // A page that the file system cannot give would end the process by SIGBUS in the middle of a packet.
        long room = new DriveInfo(folder).AvailableFreeSpace;
        if (room < length) throw new IOException($"{folder} has {room >> 20} MiB free, the table may need {(length >> 20) + 1}");
        string temporary = path + ".new";
        File.Delete(temporary);
        FileStreamOptions options = Options(FileMode.CreateNew);
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        return Map(path, temporary, new FileStream(temporary, options), length, hugePages);
    }

    /// <summary>Opens the file that an earlier process left, or returns null if there is none.</summary>
    /// <exception cref="IOException">It cannot be mapped, or others than its owner may write to it.</exception>
    /// <exception cref="UnauthorizedAccessException">It belongs to somebody else.</exception>
    public static FlowTableFile? OpenOld(string path)
    {
        if (!File.Exists(path)) return null;
        if (new FileInfo(path).LinkTarget is not null) throw new IOException("it is a link, not a file of ours");
        var stream = new FileStream(path, Options(FileMode.Open));
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(stream.SafeFileHandle) & ~OwnerOnly) != 0)
        {
            stream.Dispose();
            throw new IOException("others than its owner have rights on it");
        }

        return Map(path, path, stream, Math.Max(stream.Length, 1), hugePages: false);
    }

    /// <summary>Appends text behind the region.</summary>
    /// <exception cref="IOException">The file system is full.</exception>
    public void Append(ReadOnlySpan<byte> text)
    {
        _stream.Seek(0, SeekOrigin.End);
        _stream.Write(text);
    }

    /// <summary>What stands behind the first bytes.</summary>
    /// <param name="regionLength">How many bytes the region has.</param>
    public byte[] ReadAppended(long regionLength)
    {
        byte[] text = new byte[Math.Max(0, _stream.Length - regionLength)];
        _stream.Seek(regionLength, SeekOrigin.Begin);
        _stream.ReadExactly(text);
        return text;
    }

    /// <summary>Puts a new file in its place, instead of the one that was there.</summary>
    public void Publish()
    {
        File.Move(_name, _path, overwrite: true);
        _name = _path;
    }

    /// <summary>Removes the file's name; the memory goes on living until it is disposed.</summary>
    public void Delete() => File.Delete(_name);

    /// <summary>Closes the file. The region stays.</summary>
    public void Dispose() => _stream.Dispose();

    private static FileStreamOptions Options(FileMode mode) =>
        new() { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };

    private static FlowTableFile Map(string path, string name, FileStream stream, long length, bool hugePages)
    {
        try
        {
            return new FlowTableFile(path, name, stream, MappedFlowRegion.Map(stream, length, hugePages));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }
}
