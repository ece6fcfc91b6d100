namespace Firewall.Devices.Linux;

/// <summary>Nobody will ever read what is written: the reader of a pipe or socket is gone (EPIPE).</summary>
public sealed class BrokenPipeException(string message) : IOException(message);
