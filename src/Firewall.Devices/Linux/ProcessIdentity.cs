using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>Who this process is to the kernel.</summary>
public static class ProcessIdentity
{
    /// <summary>The effective user id (geteuid(2)).</summary>
    public static uint EffectiveUser => LibC.EffectiveUser();
}
