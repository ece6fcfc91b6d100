using System.Globalization;
using System.Runtime.InteropServices;

namespace Firewall.Devices.Windows.Interop;

/// <summary>Error codes of Windows (winerror.h) that Wintun, its loading and the IP Helper functions answer with.</summary>
internal enum Win32Error
{
    None = 0,
    FileNotFound = 2,
    AccessDenied = 5,
    InvalidData = 13,
    HandleEof = 38,
    NotSupported = 50,
    InvalidParameter = 87,
    CallNotImplemented = 120,
    BufferOverflow = 111,
    AlreadyExists = 183,
    BadExeFormat = 193,
    NoMoreItems = 259,
    ServiceDoesNotExist = 1060,
    ServiceMarkedForDelete = 1072,
    ServiceExists = 1073,
    NotFound = 1168,
    AlreadyInitialized = 1247,
    ObjectAlreadyExists = 5010,
    InfInUseByDevices = unchecked((int)0xe000_023d),
}

/// <summary>Error codes as text for people.</summary>
internal static class Win32ErrorText
{
    /// <summary>The words of the operating system where it has any, and the number by which it can be looked up.</summary>
    public static string Of(Win32Error error)
    {
        string number = string.Create(CultureInfo.InvariantCulture, $"Windows error {(int)error}");
        string known = error switch
        {
            Win32Error.AccessDenied => "access is denied; run it as administrator or as a service",
            Win32Error.InvalidData => "the ring's content is damaged",
            Win32Error.InvalidParameter => "a parameter is not allowed",
            Win32Error.AlreadyExists => "there already is an adapter of this name; stop the program that made it, or choose another Firewall:Tun:Name",
            Win32Error.AlreadyInitialized => "another program already has a session on this adapter",
            Win32Error.NotFound or Win32Error.FileNotFound => "it was not found",
            Win32Error.NotSupported or Win32Error.CallNotImplemented => "this system does not support it",
            _ => "",
        };
        if (known.Length == 0 && OperatingSystem.IsWindows()) known = Marshal.GetPInvokeErrorMessage((int)error);
        return known.Length == 0 ? number : $"{known} ({number})";
    }
}
