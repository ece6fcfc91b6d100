namespace Firewall.Devices.Windows.Pipes;

/// <summary>Names of pipes of this machine.</summary>
public static class PipeName
{
    /// <summary>What the full name of each begins with.</summary>
    public const string Prefix = @"\\.\pipe\";

    // Of the whole name (CreateNamedPipeW).
    private const int Longest = 256;

    /// <summary>True if it is the full name of a pipe: <see cref="Prefix"/> and a word without a backslash, 256 characters together at most.</summary>
    public static bool IsFull(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
            && name.Length > Prefix.Length && name.Length <= Longest && !name.AsSpan(Prefix.Length).Contains('\\');
    }

    /// <summary>What stands behind <see cref="Prefix"/> in a full name.</summary>
    public static string WordOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name[Prefix.Length..];
    }
}
