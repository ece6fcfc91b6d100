using System.Runtime.InteropServices;
using Firewall.Core.Flows;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// A flow table's memory of this process alone, in huge pages where the kernel has them to give: a packet of one flow among millions touches three pages
/// that the processor has not seen for long, and new flows take one page fault for 17 thousand in place of 34. Committed as it is touched, two megabytes at a time.
/// </summary>
public sealed class PrivateFlowRegion : FlowRegion
{
    private PrivateFlowRegion(nint address, long length)
        : base(address, length)
    {
    }

    /// <summary>Takes the memory. For tables of one shard: each of many would touch huge pages of its own for a handful of flows.</summary>
    /// <param name="length">In bytes.</param>
    /// <exception cref="InsufficientMemoryException">There is not so much.</exception>
    public static new PrivateFlowRegion Create(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        nint address = RingCalls.Map(0, (nuint)length, RingCalls.ReadWrite, RingCalls.PrivateMapping, -1, 0);
        if (address == -1) throw new InsufficientMemoryException($"{length} bytes cannot be mapped: {Marshal.GetLastPInvokeErrorMessage()}");
        HugePages.AskFor(address, length);
        return new PrivateFlowRegion(address, length);
    }

    /// <inheritdoc/>
    protected override void Free() => _ = RingCalls.Unmap(Address, (nuint)Length);
}
