using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>Chooses the operating system's part.</summary>
internal static class Platform
{
    /// <summary>That of the system the process runs on.</summary>
    /// <exception cref="ApplianceException">There is none for this system.</exception>
    public static IPlatform Current(ILogger logger)
    {
        if (OperatingSystem.IsLinux()) return new LinuxPlatform(logger);
        if (OperatingSystem.IsWindows()) return new WindowsPlatform(logger);
        throw new ApplianceException("`firewall run` needs Linux or Windows; `replay`, `verify` and `rules` run everywhere");
    }
}
