namespace Firewall.Hosting;

/// <summary>Names of the files that an appliance keeps under /run by default.</summary>
internal static class RunFile
{
    /// <summary>Their folder.</summary>
    public const string Folder = "/run/firewall";

    /// <summary>The ending of an admin socket.</summary>
    public const string Socket = ".sock";

    /// <summary>The file of the appliance on that TUN. The same /run may serve several network namespaces, each with a TUN of that name.</summary>
    public static string Of(string tun, string ending) => $"{Folder}/{tun}-{Space()}{ending}";

    // "net:[4026531840]"
    private static string Space() => string.Concat((new FileInfo("/proc/thread-self/ns/net").LinkTarget ?? "").Where(char.IsAsciiDigit));
}
