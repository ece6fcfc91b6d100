using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>What Linux accepts as the name of a network interface (dev_valid_name in net/core/dev.c), and a little less.</summary>
public static class InterfaceName
{
    /// <summary>The longest name, in bytes.</summary>
    public const int MaxLength = InterfaceRequest.NameSize - 1;

    /// <summary>Says what is wrong with a name, or returns null if it is good.</summary>
    public static string? Check(string? name)
    {
        if (string.IsNullOrEmpty(name)) return "the name of an interface may not be empty";
        if (name.Length > MaxLength) return $"'{name}' is too long for an interface: {name.Length} characters, at most {MaxLength} are possible";
        if (name is "." or "..") return $"'{name}' cannot name an interface";
        foreach (char c in name)
        {
            // '%' is a template to the kernel ("fw%d" becomes fw0), ':' an alias; letters beyond ASCII only look like others.
            if (c is <= ' ' or > '~' or '/' or ':' or '%')
                return $"'{name}' cannot name an interface: the character '{c}' (U+{(int)c:X4}) is not allowed";
        }

        return null;
    }
}
