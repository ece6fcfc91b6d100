using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Firewall.Devices.Windows.Pipes;

/// <summary>The function of kernel32 around pipes that .NET has not, under its own name.</summary>
internal static partial class PipeCalls
{
    [LibraryImport("kernel32.dll", EntryPoint = "GetNamedPipeClientProcessId", SetLastError = true)]
    public static partial int GetClientProcess(SafePipeHandle pipe, out uint process);
}
