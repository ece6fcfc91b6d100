using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>struct __user_cap_header_struct of linux/capability.h. Process 0 is the calling thread.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CapabilityHeader
{
    public uint Version;
    public int Process;
}

/// <summary>Two of struct __user_cap_data_struct: capabilities 0 to 31, then 32 to 63.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CapabilitySets
{
    private uint _effectiveLow;
    private uint _permittedLow;
    private uint _inheritableLow;
    private uint _effectiveHigh;
    private uint _permittedHigh;
    private uint _inheritableHigh;

    /// <summary>Takes away all but these. What is inheritable stays so: a user's process may have its capabilities by that alone.</summary>
    public void Keep(ulong capabilities)
    {
        _effectiveLow &= (uint)capabilities;
        _permittedLow &= (uint)capabilities;
        _inheritableLow &= (uint)capabilities;
        _effectiveHigh &= (uint)(capabilities >> 32);
        _permittedHigh &= (uint)(capabilities >> 32);
        _inheritableHigh &= (uint)(capabilities >> 32);
    }
}
