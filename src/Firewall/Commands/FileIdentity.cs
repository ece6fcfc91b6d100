namespace Firewall.Commands;

/// <summary>Which file a path means, so that no command writes over what it reads.</summary>
internal static class FileIdentity
{
    /// <summary>Compares what <see cref="Of"/> gives: to Windows, capital letters make no other file.</summary>
    public static StringComparer Comparer => OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The full path, behind symbolic links. Each mention of a device, such as /dev/null, is another one: it may be named as often as one likes.</summary>
    public static string Of(string path)
    {
        string full = Path.GetFullPath(path);
        if (full.StartsWith(OperatingSystem.IsWindows() ? @"\\.\" : "/dev/", StringComparison.Ordinal)) return Guid.NewGuid().ToString();
        try
        {
            return new FileInfo(full).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
        }
        catch (IOException)
        {
            return full;
        }
    }
}
