namespace Firewall.Hosting;

/// <summary>How the appliance begins.</summary>
/// <param name="TakeOver">True: as the successor of the instance that runs on the same TUN, if there is one.</param>
internal sealed record StartMode(bool TakeOver);
