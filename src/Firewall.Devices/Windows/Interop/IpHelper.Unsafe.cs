using System.Runtime.InteropServices;

namespace Firewall.Devices.Windows.Interop;

/// <summary>
/// The IP Helper functions (netioapi.h) that set up an interface known by its LUID. Each answers with a Windows error, also where the system
/// lacks the function (<see cref="Win32Error.CallNotImplemented"/>). They are looked up at run time, because off Windows the tests bring a library
/// of their own that has them.
/// </summary>
internal sealed unsafe class IpHelper
{
    private readonly delegate* unmanaged<UnicastAddressRow*, void> _initializeAddress;
    private readonly delegate* unmanaged<UnicastAddressRow*, uint> _createAddress;
    private readonly delegate* unmanaged<ForwardRow*, void> _initializeRoute;
    private readonly delegate* unmanaged<ForwardRow*, uint> _createRoute;
    private readonly delegate* unmanaged<InterfaceRow*, void> _initializeInterface;
    private readonly delegate* unmanaged<InterfaceRow*, uint> _getInterface;
    private readonly delegate* unmanaged<InterfaceRow*, uint> _setInterface;
    private readonly delegate* unmanaged<char*, ulong*, uint> _aliasToLuid;
    private readonly delegate* unmanaged<ulong*, Guid*, uint> _luidToGuid;

    private IpHelper(nint library)
    {
        _initializeAddress = (delegate* unmanaged<UnicastAddressRow*, void>)Find("InitializeUnicastIpAddressEntry");
        _createAddress = (delegate* unmanaged<UnicastAddressRow*, uint>)Find("CreateUnicastIpAddressEntry");
        _initializeRoute = (delegate* unmanaged<ForwardRow*, void>)Find("InitializeIpForwardEntry");
        _createRoute = (delegate* unmanaged<ForwardRow*, uint>)Find("CreateIpForwardEntry2");
        _initializeInterface = (delegate* unmanaged<InterfaceRow*, void>)Find("InitializeIpInterfaceEntry");
        _getInterface = (delegate* unmanaged<InterfaceRow*, uint>)Find("GetIpInterfaceEntry");
        _setInterface = (delegate* unmanaged<InterfaceRow*, uint>)Find("SetIpInterfaceEntry");
        _aliasToLuid = (delegate* unmanaged<char*, ulong*, uint>)Find("ConvertInterfaceAliasToLuid");
        _luidToGuid = (delegate* unmanaged<ulong*, Guid*, uint>)Find("ConvertInterfaceLuidToGuid");

        // Wine, for one, has only some of them.
        nint Find(string name) => NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0;
    }

    /// <summary>Finds the functions.</summary>
    /// <param name="path">Where they are off Windows.</param>
    public static IpHelper Load(string path) => new(NativeLibrary.Load(OperatingSystem.IsWindows() ? "iphlpapi.dll" : path));

    /// <summary>Fills an address row with what Windows takes by default.</summary>
    public Win32Error Initialize(ref UnicastAddressRow row)
    {
        if (_initializeAddress is null) return Win32Error.CallNotImplemented;
        fixed (UnicastAddressRow* pointer = &row) _initializeAddress(pointer);
        return Win32Error.None;
    }

    /// <summary>Adds the address of a row to its interface.</summary>
    public Win32Error Create(ref UnicastAddressRow row)
    {
        if (_createAddress is null) return Win32Error.CallNotImplemented;
        fixed (UnicastAddressRow* pointer = &row) return (Win32Error)_createAddress(pointer);
    }

    /// <summary>Fills a route row with what Windows takes by default.</summary>
    public Win32Error Initialize(ref ForwardRow row)
    {
        if (_initializeRoute is null) return Win32Error.CallNotImplemented;
        fixed (ForwardRow* pointer = &row) _initializeRoute(pointer);
        return Win32Error.None;
    }

    /// <summary>Adds the route of a row.</summary>
    public Win32Error Create(ref ForwardRow row)
    {
        if (_createRoute is null) return Win32Error.CallNotImplemented;
        fixed (ForwardRow* pointer = &row) return (Win32Error)_createRoute(pointer);
    }

    /// <summary>Reads an interface's settings for one family.</summary>
    public Win32Error Get(ulong luid, ushort family, out InterfaceRow row)
    {
        row = default;
        if (_initializeInterface is null || _getInterface is null) return Win32Error.CallNotImplemented;
        fixed (InterfaceRow* pointer = &row)
        {
            _initializeInterface(pointer);
            pointer->Family = family;
            pointer->Luid = luid;
            return (Win32Error)_getInterface(pointer);
        }
    }

    /// <summary>Writes an interface's settings for one family; they hold until the next start of the machine.</summary>
    public Win32Error Set(ref InterfaceRow row)
    {
        if (_setInterface is null) return Win32Error.CallNotImplemented;

        // The documentation of SetIpInterfaceEntry wants 0 here for IPv4, though GetIpInterfaceEntry gives another value.
        if (row.Family == SocketAddress.InterNetwork) row.SitePrefixLength = 0;
        fixed (InterfaceRow* pointer = &row) return (Win32Error)_setInterface(pointer);
    }

    /// <summary>Finds an interface by the name that Windows shows.</summary>
    public Win32Error Find(string alias, out ulong luid)
    {
        luid = 0;
        if (_aliasToLuid is null) return Win32Error.CallNotImplemented;
        fixed (char* name = alias)
        {
            fixed (ulong* pointer = &luid) return (Win32Error)_aliasToLuid(name, pointer);
        }
    }

    /// <summary>The GUID of an interface.</summary>
    public Win32Error Find(ulong luid, out Guid id)
    {
        id = default;
        if (_luidToGuid is null) return Win32Error.CallNotImplemented;
        fixed (Guid* pointer = &id) return (Win32Error)_luidToGuid(&luid, pointer);
    }
}
