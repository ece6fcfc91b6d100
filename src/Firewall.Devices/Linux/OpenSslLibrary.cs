using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux;

/// <summary>
/// OpenSSL, which .NET loads on Linux when something asks for TLS or certificates, and not before. Where it is missing, .NET ends the process
/// without a word of ours; so who is about to ask looks first.
/// </summary>
public static class OpenSslLibrary
{
    // Those that .NET 10 looks for.
    private static readonly string[] s_names = ["libssl.so.3", "libssl.so.1.1", "libssl.so.4", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"];

    /// <summary>True if it can be loaded, and where it is not needed (Windows, macOS).</summary>
    public static bool IsThere => !OperatingSystem.IsLinux() || Array.Exists(s_names, static name => NativeLibrary.TryLoad(name, out _));
}
