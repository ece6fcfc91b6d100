using System.Runtime.InteropServices;

namespace Firewall.Core.Flows;

/// <summary>
/// The memory that a flow table lives in: zeroed at first, committed as it is touched. Private memory of the process here; a mapped file,
/// which outlives the process, where a device ring makes one. The table that is made on it owns it.
/// </summary>
public unsafe class FlowRegion : IDisposable
{
    private bool _disposed;

    /// <summary>Takes over memory that a subclass frees.</summary>
    /// <param name="address">Start, aligned to a cache line at least.</param>
    /// <param name="length">In bytes.</param>
    protected FlowRegion(nint address, long length)
    {
        Address = address;
        Length = length;
    }

    /// <summary>Ends the region where nobody disposed it.</summary>
    ~FlowRegion() => FreeOnce();

    /// <summary>Where the region starts.</summary>
    public nint Address { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length { get; }

    /// <summary>Private memory of this process.</summary>
    public static FlowRegion Create(long length)
    {
        // calloc leaves fresh pages untouched, so that an empty table costs address space only; it aligns to 16 bytes, hence the slack.
        nint block = (nint)NativeMemory.AllocZeroed((nuint)(length + FlowLayout.Alignment));
        return new PrivateRegion(block, (block + FlowLayout.Alignment - 1) & -FlowLayout.Alignment, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        FreeOnce();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory; called once.</summary>
    protected virtual void Free()
    {
    }

    private void FreeOnce()
    {
        if (_disposed) return;
        _disposed = true;
        Free();
    }

    private sealed class PrivateRegion(nint block, nint address, long length) : FlowRegion(address, length)
    {
        protected override void Free() => NativeMemory.Free((void*)block);
    }
}
