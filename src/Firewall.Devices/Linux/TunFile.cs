using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>The steps from /dev/net/tun to an attached queue, each with the errors that people meet there.</summary>
internal static class TunFile
{
    private const string Capability =
        "this needs the capability CAP_NET_ADMIN: run as root, or `setcap cap_net_admin+ep` on the executable, or `docker run --cap-add NET_ADMIN`";

    /// <summary>Opens the driver's device file, non-blocking.</summary>
    public static Descriptor Open(string path)
    {
        int fd = LibC.Open(path, OpenFlags.ReadWrite | OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
        if (fd >= 0) return new Descriptor(fd);
        Errno error = ErrnoText.Last;
        string remedy = error switch
        {
            Errno.ENOENT => "load the driver with `modprobe tun`, or give it to the container with `docker run --device /dev/net/tun`",
            Errno.ENODEV or Errno.ENXIO => "the driver is not loaded; load it on the host with `modprobe tun`",
            Errno.EACCES => "run as root, or give read and write permission on it",
            Errno.EPERM => "the container may not use it; start it with `docker run --device /dev/net/tun`",
            Errno.EMFILE or Errno.ENFILE => "too many files are open; raise `ulimit -n`",
            _ => "",
        };
        throw new TunException($"{path} cannot be opened ({error.Describe()})" + (remedy.Length > 0 ? $"; {remedy}" : ""));
    }

    /// <summary>True if the driver knows the virtio-net header. Every kernel since 2.6.27 does; some of other make do not.</summary>
    public static bool HasVirtioHeader(Descriptor descriptor)
    {
        uint features = 0;
        return LibC.IoControl(descriptor.Number, TunCalls.GetFeatures, ref features) == 0 && (features & TunCalls.VirtioNetHeader) != 0;
    }

    /// <summary>Makes the interface and attaches the descriptor as one of its queues.</summary>
    public static void Attach(Descriptor descriptor, string name, bool virtioHeader, bool multiQueue, bool exclusive)
    {
        int flags = TunCalls.Tun | TunCalls.NoPacketInformation
            | (virtioHeader ? TunCalls.VirtioNetHeader : 0)
            | (multiQueue ? TunCalls.MultiQueue : 0)
            | (exclusive ? TunCalls.Exclusive : 0);
        var request = new InterfaceRequest(name, (ushort)flags);
        if (LibC.IoControl(descriptor.Number, TunCalls.SetInterface, ref request) != 0) throw Refusal(name, ErrnoText.Last);
    }

    /// <summary>Why the interface of that name cannot be had.</summary>
    public static TunException Refusal(string name, Errno error)
    {
        string remedy = error switch
        {
            Errno.EPERM or Errno.EACCES => Capability,
            Errno.EBUSY => $"an interface {name} is there already: another firewall (or program) holds TUN {name}; stop it or choose another name",
            Errno.EINVAL => $"the kernel does not accept '{name}' as a new TUN",
            _ => "",
        };
        return new TunException($"TUN {name} cannot be made ({error.Describe()})" + (remedy.Length > 0 ? $"; {remedy}" : ""));
    }

    /// <summary>Makes an interface of one queue with the virtio-net header, under a name that nobody has.</summary>
    /// <param name="descriptor">Of the driver's device file.</param>
    /// <param name="pattern">The name, with <c>%d</c> where the kernel puts a number.</param>
    /// <returns>The name.</returns>
    public static string AttachNew(Descriptor descriptor, string pattern)
    {
        var request = new InterfaceRequest(pattern, TunCalls.Tun | TunCalls.NoPacketInformation | TunCalls.VirtioNetHeader);
        if (LibC.IoControl(descriptor.Number, TunCalls.SetInterface, ref request) == 0) return request.Name;
        throw new TunException($"TUN {pattern} cannot be made ({ErrnoText.Last.Describe()})");
    }

    /// <summary>Says whether the interface outlives its last descriptor. It is a help, not a need: a refusal is not an error.</summary>
    public static void SetPersistent(Descriptor descriptor, bool persistent) =>
        LibC.IoControlValue(descriptor.Number, TunCalls.SetPersistent, persistent ? 1u : 0u);

    /// <summary>
    /// Asks for the offloads: all at once, and where the kernel refuses, one after the other, keeping those it takes. The kernel's answer
    /// counts, not its version. Returns what is on.
    /// </summary>
    public static TunOffloads RequestOffloads(Descriptor descriptor, TunOffloads wanted)
    {
        if (TrySetOffloads(descriptor, wanted)) return wanted;
        TunOffloads granted = TunOffloads.None;
        foreach (TunOffloads step in (ReadOnlySpan<TunOffloads>)
            [TunOffloads.Checksum, TunOffloads.Tso4, TunOffloads.Tso6, TunOffloads.TsoEcn, TunOffloads.Uso4 | TunOffloads.Uso6])
        {
            if ((wanted & step) == step && TrySetOffloads(descriptor, granted | step)) granted |= step;
        }

        // A refused request may have changed nothing or something; say again what shall be on.
        TrySetOffloads(descriptor, granted);
        return granted;
    }

    /// <summary>Switches exactly these on. False: the kernel refused.</summary>
    public static bool TrySetOffloads(Descriptor descriptor, TunOffloads offloads) =>
        LibC.IoControlValue(descriptor.Number, TunCalls.SetOffload, (nuint)(uint)offloads) == 0;
}
