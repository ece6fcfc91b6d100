using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;

namespace Firewall.Hosting;

/// <summary>
/// What the appliance needs of the operating system. Each call gives something that is taken back by disposing it, in reverse order.
/// Failures are <see cref="ApplianceException"/>s whose message is the one line for the operator.
/// </summary>
internal interface IPlatform
{
    /// <summary>Makes sure that no other instance works on the same TUN in the same network namespace.</summary>
    IDisposable LockInstance(FirewallOptions options);

    /// <summary>Makes or takes over the device.</summary>
    IPacketDevice OpenDevice(FirewallOptions options);

    /// <summary>Leads packets to the device.</summary>
    IDisposable Route(FirewallOptions options, IPacketDevice device);
}
