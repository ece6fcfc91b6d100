namespace Firewall.Control.Configuration;

/// <summary>What the appliance stands in front of.</summary>
internal enum ApplianceMode
{
    /// <summary>Routes between networks: packets that enter by the interfaces go through it.</summary>
    Gateway,

    /// <summary>Guards the machine or container that it runs in.</summary>
    Host,
}
