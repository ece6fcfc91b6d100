namespace Firewall.Devices.Windows.Services;

/// <summary>A service could not be installed or removed. The message says what failed and why, in one line.</summary>
/// <param name="message">One line for people.</param>
public sealed class WindowsServiceException(string message) : IOException(message);
