namespace Firewall.Hosting;

/// <summary>
/// The machine does not give the appliance what it needs: a device, a right, an interface, the only instance. Ends the command with
/// exit code 1; the message is the one line that people read.
/// </summary>
internal sealed class ApplianceException(string message, Exception? inner = null) : Exception(message, inner);
