using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.Core.Packets;
using Firewall.Hosting.Handover;
using Firewall.Hosting.Surviving;

namespace Firewall.Hosting;

/// <summary>
/// What the appliance needs of the operating system. Each thing that is set up is taken back by disposing it, in reverse order.
/// Failures are <see cref="ApplianceException"/> or <see cref="IOException"/>, with a message that is the one line for the operator.
/// </summary>
internal interface IPlatform
{
    /// <summary>Makes sure that no other instance works on the same TUN in the same network namespace.</summary>
    IDisposable LockInstance(FirewallOptions options);

    /// <summary>Makes the device.</summary>
    IPacketDevice OpenDevice(FirewallOptions options);

    /// <summary>How one instance follows another without a pause; null where that cannot be.</summary>
    IHandoverPlatform? Handover => null;

    /// <summary>Where the flow table outlives the process; null where it cannot, or shall not.</summary>
    FlowPlace? PlaceOfFlows(FirewallOptions options) => null;

    /// <summary>Where the admin socket is; null if there shall be none.</summary>
    string? PlaceOfAdminSocket(FirewallOptions options) => options.Admin.Socket == FirewallOptions.NoFile ? null : options.Admin.Socket;

    /// <summary>Leads packets to the device, also when interfaces, addresses and routes change later.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="device">What <see cref="OpenDevice"/> made.</param>
    /// <param name="addressesChanged">Called from any thread when <see cref="ProtectedAddresses"/> may have another answer.</param>
    IDisposable Route(FirewallOptions options, IPacketDevice device, Action addressesChanged);

    /// <summary>Full path of the activity log, unless the configuration names another; null where none is written.</summary>
    string? ActivityLogFile(FirewallOptions options) => null;

    /// <summary>Full path of the file that just-in-time requests outlive the process in; null where they do not.</summary>
    string? JitStateFile(FirewallOptions options) => null;

    /// <summary>
    /// The addresses that the rules protect: in mode Host those of the machine on the guarded interfaces; null in mode Gateway,
    /// where it is the virtual network.
    /// </summary>
    IReadOnlyList<IpPrefix>? ProtectedAddresses(FirewallOptions options);
}
