using System.IO.MemoryMappedFiles;
using Firewall.Core.Flows;

namespace Firewall.Devices.Linux;

/// <summary>
/// A flow table's memory in a mapped file, which outlives the process: what was written is in the file at once, however the process ends.
/// The file is sparse; the kernel commits a page when it is touched.
/// </summary>
public sealed class MappedFlowRegion : FlowRegion
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private MappedFlowRegion(MemoryMappedFile file, MemoryMappedViewAccessor view, long length)
        : base(AddressOf(view), length)
    {
        _file = file;
        _view = view;
    }

    /// <summary>Maps a file from its start. The caller keeps the stream, which may be closed while the region lives.</summary>
    /// <param name="stream">Open for reading and writing.</param>
    /// <param name="length">In bytes; a shorter file grows to it, by zeroes.</param>
    /// <param name="hugePages">True for a table of one shard: then huge pages are asked for, as <see cref="PrivateFlowRegion"/> does.</param>
    /// <exception cref="IOException">The file cannot be mapped.</exception>
    public static MappedFlowRegion Map(FileStream stream, long length, bool hugePages = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        MemoryMappedFile? file = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            file = MemoryMappedFile.CreateFromFile(
                stream, null, Math.Max(length, stream.Length), MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
            view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.ReadWrite);
            MappedFlowRegion region = new(file, view, length);
            if (hugePages) HugePages.AskFor(region.Address, length);
            return region;
        }
        catch
        {
            view?.Dispose();
            file?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Free()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private static unsafe nint AddressOf(MemoryMappedViewAccessor view)
    {
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        return (nint)(start + view.PointerOffset);
    }
}
