using Firewall.Devices.Linux;

namespace Firewall.Hosting.Handover;

/// <summary>Users, as the kernel numbers them.</summary>
internal static class PeerUser
{
    /// <summary>The user that this process acts as.</summary>
    public static uint Own { get; } = ProcessIdentity.EffectiveUser;

    /// <summary>True if a process of that user may be given, or be trusted with, all that this one has.</summary>
    public static bool IsTrusted(uint user) => user == 0 || user == Own;
}
