using System.Runtime.InteropServices;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// Gives up what the kernel lets root do besides what a firewall does (capabilities(7)). Who starts the appliance as root by hand, without a
/// unit or a container that does it, is no less safe then.
/// </summary>
/// <remarks>
/// Capabilities belong to threads, and a runtime has threads before the first line of a program runs. So the process drops what it does not
/// need from its bounding set, which nothing brings back, and executes itself again: same process, same arguments, every thread without it.
/// </remarks>
public static unsafe class LeastPrivilege
{
    /// <summary>
    /// What stays, by the kernel's numbers: NET_ADMIN for TUN and routes; NET_BIND_SERVICE for an admin port below 1,024; CHOWN and FOWNER for
    /// the admin socket's group; DAC_OVERRIDE and DAC_READ_SEARCH for rules, logs and tokens that belong to somebody else.
    /// </summary>
    private const ulong Needed = 1UL << 0 | 1UL << 1 | 1UL << 2 | 1UL << 3 | 1UL << 10 | 1UL << 12;

    private const int ReadBounding = 23; // PR_CAPBSET_READ
    private const int DropBounding = 24; // PR_CAPBSET_DROP
    private const uint Version = 0x20080522; // _LINUX_CAPABILITY_VERSION_3

    /// <summary>
    /// To be called before anything is opened. Returns if nothing is left to give up, or if the process may not (it has no CAP_SETPCAP): then
    /// the calling thread, and those it starts, have given up what they could. Otherwise the process begins anew and does not return from here.
    /// </summary>
    public static void Ensure()
    {
        bool isBounded = DropFromBoundingSet();
        LimitThread();
        if (isBounded) ExecuteAgain();
    }

    // True if there was something to drop and all of it went: only then does a second start have less, and no reason for a third.
    private static bool DropFromBoundingSet()
    {
        bool hasDropped = false;
        for (int capability = 0; LibC.ControlProcess(ReadBounding, (nuint)capability) is int has and >= 0; capability++)
        {
            if (has == 0 || (Needed >> capability & 1) != 0) continue;
            if (LibC.ControlProcess(DropBounding, (nuint)capability) != 0) return false;
            hasDropped = true;
        }

        return hasDropped;
    }

    private static void LimitThread()
    {
        var header = new CapabilityHeader { Version = Version };
        CapabilitySets sets = default;
        if (LibC.GetCapabilities(ref header, ref sets) != 0) return;
        sets.Keep(Needed);
        LibC.SetCapabilities(ref header, ref sets);
    }

    private static void ExecuteAgain()
    {
        string? path = Environment.ProcessPath;
        if (path is null) return;

        // As the kernel has them, each with its terminating zero: .NET's are decoded, and lack those of a host program.
        byte[] line = File.ReadAllBytes("/proc/self/cmdline");
        if (line is not [.., 0]) return;
        fixed (byte* text = line)
        {
            var arguments = new List<nint>();
            for (int start = 0; start < line.Length; start = Array.IndexOf(line, (byte)0, start) + 1) arguments.Add((nint)(text + start));
            arguments.Add(0);
            fixed (nint* array = CollectionsMarshal.AsSpan(arguments)) LibC.Execute(path, (nint)array);
        }
    }
}
