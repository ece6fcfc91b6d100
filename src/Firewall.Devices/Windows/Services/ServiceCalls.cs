using System.Runtime.InteropServices;

namespace Firewall.Devices.Windows.Services;

/// <summary>The functions of advapi32 around services and the event log, under their own names. A failure's error is in the last P/Invoke error.</summary>
internal static partial class ServiceCalls
{
    private const string Library = "advapi32.dll";

    [LibraryImport(Library, EntryPoint = "OpenSCManagerW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    public static partial nint OpenManager(string? machine, string? database, uint access);

    [LibraryImport(Library, EntryPoint = "CreateServiceW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    public static partial nint Create(
        nint manager, string name, string displayName, uint access, uint type, uint start, uint errorControl, string commandLine, string? group, nint tag, string? dependencies, string? account, string? password);

    [LibraryImport(Library, EntryPoint = "OpenServiceW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    public static partial nint Open(nint manager, string name, uint access);

    [LibraryImport(Library, EntryPoint = "ChangeServiceConfig2W", SetLastError = true)]
    public static partial int Configure(nint service, uint level, ref readonly ServiceDescription description);

    [LibraryImport(Library, EntryPoint = "ChangeServiceConfig2W", SetLastError = true)]
    public static partial int Configure(nint service, uint level, ref readonly ServiceFailureActions actions);

    [LibraryImport(Library, EntryPoint = "ControlService", SetLastError = true)]
    public static partial int Control(nint service, uint control, out ServiceStatus status);

    [LibraryImport(Library, EntryPoint = "QueryServiceStatus", SetLastError = true)]
    public static partial int Query(nint service, out ServiceStatus status);

    [LibraryImport(Library, EntryPoint = "DeleteService", SetLastError = true)]
    public static partial int Delete(nint service);

    [LibraryImport(Library, EntryPoint = "CloseServiceHandle", SetLastError = true)]
    public static partial int Close(nint handle);

    [LibraryImport(Library, EntryPoint = "RegisterEventSourceW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    public static partial nint RegisterEventSource(string? machine, string source);

    [LibraryImport(Library, EntryPoint = "ReportEventW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    public static partial int ReportEvent(
        nint log, ushort type, ushort category, uint number, nint user, ushort count, uint length, [In] string[] texts, nint data);

    [LibraryImport(Library, EntryPoint = "DeregisterEventSource", SetLastError = true)]
    public static partial int DeregisterEventSource(nint log);
}

/// <summary>SERVICE_DESCRIPTIONW.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ServiceDescription
{
    public nint Text;
}

/// <summary>SERVICE_FAILURE_ACTIONSW.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ServiceFailureActions
{
    public uint ResetSeconds;
    public nint RebootMessage;
    public nint Command;
    public uint Count;
    public nint Actions;
}

/// <summary>SERVICE_STATUS.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ServiceStatus
{
    public uint Type;
    public uint State;
    public uint Accepted;
    public uint ExitCode;
    public uint SpecificExitCode;
    public uint CheckPoint;
    public uint WaitHint;
}
