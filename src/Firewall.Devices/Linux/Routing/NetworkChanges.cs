namespace Firewall.Devices.Linux.Routing;

/// <summary>What changed in the network since the last report.</summary>
[Flags]
public enum NetworkChanges
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>An interface came, went, changed its name or MTU, or went up or down.</summary>
    Links = 1,

    /// <summary>An address came or went.</summary>
    Addresses = 2,

    /// <summary>A route of the main table came or went, or may be used or passed by since an interface's carrier came or went.</summary>
    Routes = 4,
}
