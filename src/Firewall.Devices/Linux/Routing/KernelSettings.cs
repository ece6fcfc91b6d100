using System.Globalization;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// Reads and writes /proc/sys of the calling thread's network namespace. Where a container has it read-only, the settings of IPv4 interfaces
/// go through netlink, for which CAP_NET_ADMIN is enough.
/// </summary>
internal sealed class KernelSettings(RouteNetlink netlink)
{
    private const string Root = "/proc/sys/";

    /// <summary>The value, or null if the kernel has no such setting.</summary>
    public static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(Root + path).Trim();
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The value as a number; 0 if the kernel has no such setting.</summary>
    public static int ReadNumber(string path) =>
        int.TryParse(Read(path), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : 0;

    /// <summary>The interfaces that have settings in net/ipv6/conf, with "default" and without "all".</summary>
    public static IReadOnlyList<string> IPv6Interfaces() => Directory.Exists(Root + "net/ipv6/conf")
        ? [.. Directory.EnumerateDirectories(Root + "net/ipv6/conf").Select(directory => Path.GetFileName(directory)).Where(name => name != "all").Order(StringComparer.Ordinal)]
        : [];

    /// <summary>Writes a value.</summary>
    /// <exception cref="RoutingException">It cannot be written; the message says how to set it from outside.</exception>
    public void Write(KernelSetting setting)
    {
        try
        {
            File.WriteAllText(Root + setting.Path, setting.Value);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            if (TryWriteByNetlink(setting)) return;
            string key = Key(setting.Path);
            string outside = setting.OutsideKey ?? $"{key}={setting.Value}";
            throw new RoutingException(
                $"{key} is {Read(setting.Path) ?? "missing"} but must be {setting.Value} {setting.Why}, and cannot be written ({refused.Message}); "
                + $"set it from outside: `docker run --sysctl {outside}` for a container, `sysctl -w {outside}` on a host", refused);
        }
    }

    /// <summary>The name that sysctl(8) uses; in it '/' and '.' change places, so that eth0.100 stays one word.</summary>
    public static string Key(string path) => string.Create(path.Length, path, static (text, from) =>
    {
        for (int i = 0; i < text.Length; i++) text[i] = from[i] switch { '/' => '.', '.' => '/', var c => c };
    });

    // IPV4_DEVCONF_… of linux/ip.h.
    private bool TryWriteByNetlink(KernelSetting setting)
    {
        const ushort forwarding = 1, reversePathFilter = 8, acceptLocal = 23;
        const ulong millisecondsPerTick = 10;
        string[] parts = setting.Path.Split('/');
        if (parts is not ["net", "ipv4", "conf" or "neigh", var name, var what] || name is "all" or "default") return false;
        if (netlink.ReadLinks().FirstOrDefault(candidate => candidate.Name == name) is not { } link) return false;
        uint value = uint.Parse(setting.Value, CultureInfo.InvariantCulture);
        switch (parts[2], what)
        {
            case ("conf", "forwarding"): netlink.SetIPv4Setting(link, forwarding, value); return true;
            case ("conf", "rp_filter"): netlink.SetIPv4Setting(link, reversePathFilter, value); return true;
            case ("conf", "accept_local"): netlink.SetIPv4Setting(link, acceptLocal, value); return true;
            case ("neigh", "proxy_delay"): netlink.SetProxyDelay(link, value * millisecondsPerTick); return true;
            default: return false;
        }
    }
}
