using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;

namespace Firewall.Hosting.Handover;

/// <summary>What an instance needs of the operating system to follow another one, and to be followed.</summary>
internal interface IHandoverPlatform
{
    /// <summary>The instance that runs on the same TUN, ready to hand over; null if there is none.</summary>
    Predecessor? Meet(FirewallOptions options);

    /// <summary>Makes a device of that instance's; it is not removed on disposing before <see cref="TakeCharge"/>.</summary>
    IPacketDevice Join(FirewallOptions options, Predecessor predecessor);

    /// <summary>The predecessor has left: the device is ours to set up and to remove.</summary>
    void TakeCharge(IPacketDevice device);

    /// <summary>Says whether disposing these takes nothing down, since a successor uses them, or all as usual.</summary>
    void LeaveInPlace(IPacketDevice device, IDisposable routing, bool leave);

    /// <summary>Hands over to a successor when one comes.</summary>
    /// <param name="instance">The lock that this instance holds.</param>
    /// <param name="device">Its device.</param>
    /// <param name="appliance">Itself.</param>
    IDisposable AwaitSuccessor(IDisposable instance, IPacketDevice device, IRelievable appliance);
}
