using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Probing;

/// <summary>
/// A TUN for the probe alone, with two neighbours' addresses of each family, of which one is the machine's. Needs CAP_NET_ADMIN and nothing
/// else. It goes with its descriptor, so a process that is killed leaves nothing either.
/// </summary>
internal sealed class ProbeTun : IProbeKernel, IDisposable
{
    /// <summary>What the kernel makes the name of.</summary>
    public const string NamePattern = "fwprobe%d";

    private const int LongestRemovalMilliseconds = 50;

    private readonly Descriptor _descriptor;
    private readonly RouteNetlink _netlink;
    private readonly string _name;
    private (ProbeAddresses? Addresses, string WhyNot) _v4;
    private (ProbeAddresses? Addresses, string WhyNot) _v6;

    private ProbeTun(Descriptor descriptor, RouteNetlink netlink, string name)
    {
        _descriptor = descriptor;
        _netlink = netlink;
        _name = name;
    }

    /// <summary>Makes it in the calling thread's network namespace and brings it up.</summary>
    /// <param name="devicePath">The driver's device file.</param>
    /// <exception cref="IOException">It cannot be made; nothing is left behind.</exception>
    public static ProbeTun Make(string devicePath)
    {
        var netlink = new RouteNetlink();
        Descriptor? descriptor = null;
        try
        {
            descriptor = TunFile.Open(devicePath);
            if (!TunFile.HasVirtioHeader(descriptor)) throw new TunException("the driver has no virtio-net header");
            var tun = new ProbeTun(descriptor, netlink, TunFile.AttachNew(descriptor, NamePattern));
            tun.Configure();
            return tun;
        }
        catch
        {
            descriptor?.Dispose();
            netlink.Dispose();
            throw;
        }
    }

    /// <summary>Asks for offloads; returns those that the kernel grants.</summary>
    public TunOffloads Request(TunOffloads wanted) => TunFile.RequestOffloads(_descriptor, wanted);

    /// <inheritdoc/>
    public bool TrySetOffloads(TunOffloads offloads) => TunFile.TrySetOffloads(_descriptor, offloads);

    /// <inheritdoc/>
    public int Read(Span<byte> frame)
    {
        while (true)
        {
            nint length = LibC.Read(_descriptor.Number, ref frame[0], frame.Length);
            if (length >= 0) return (int)length;
            Errno error = ErrnoText.Last;
            if (error == Errno.EAGAIN) return 0;
            if (error != Errno.EINTR) throw new IOException($"reading from {_name} failed ({error.Describe()})");
        }
    }

    /// <inheritdoc/>
    public Errno Write(ReadOnlySpan<byte> frame)
    {
        while (LibC.Write(_descriptor.Number, in frame[0], frame.Length) < 0)
        {
            Errno error = ErrnoText.Last;
            if (error != Errno.EINTR) return error;
        }

        return Errno.None;
    }

    /// <inheritdoc/>
    public IProbeConversation Converse(ProbePath path)
    {
        (ProbeAddresses? addresses, string whyNot) = path.IsIPv4 ? _v4 : _v6;
        return addresses is null ? throw new IOException(whyNot) : new ProbeConversation(path, addresses, _name, _descriptor.Number);
    }

    /// <summary>
    /// Removes it. The kernel needs some tens of milliseconds for that, nearly all of them after nobody sees the interface any more: this
    /// returns then, and another thread stays with it.
    /// </summary>
    public void Dispose()
    {
        var closing = new Thread(_descriptor.Dispose) { IsBackground = true, Name = "offload probe's end" };
        closing.Start();
        long deadline = Environment.TickCount64 + LongestRemovalMilliseconds;
        try
        {
            while (Environment.TickCount64 < deadline && _netlink.ReadLinks().Any(link => link.Name == _name) && !closing.Join(1))
            {
                // Until it is off the list.
            }
        }
        catch (NetlinkException)
        {
            // The list changes all the time; the interface goes all the same.
        }

        _netlink.Dispose();
    }

    private void Configure()
    {
        Link own = _netlink.ReadLinks().FirstOrDefault(link => link.Name == _name) ?? throw new TunException($"{_name} was made and is not there");
        _netlink.TryDisableAddressGeneration(own);
        IReadOnlyList<InterfaceAddress> addresses = _netlink.ReadAddresses();
        _v4 = TryAddress(own, addresses, isIPv4: true);
        _v6 = TryAddress(own, addresses, isIPv4: false);
        _netlink.SetUp(own);
    }

    private (ProbeAddresses? Addresses, string WhyNot) TryAddress(Link own, IReadOnlyList<InterfaceAddress> addresses, bool isIPv4)
    {
        try
        {
            IReadOnlyList<Route> routes = _netlink.ReadRoutes(isIPv4 ? NetlinkMessage.IPv4 : NetlinkMessage.IPv6);
            if (ProbeAddresses.Choose(isIPv4, addresses, routes, Random.Shared) is { } chosen)
            {
                _netlink.AddAddress(own, new InterfaceAddress(own.Index, chosen.Own, chosen.PrefixLength, 0, 0));
                return (chosen, "");
            }

            return (null, "all addresses for it are in use");
        }
        catch (NetlinkException e)
        {
            return (null, $"no address: {e.Error.Describe()}"); // EACCES where IPv6 is switched off
        }
    }
}
