namespace Firewall.Devices.Linux.Routing;

/// <summary>Routing could not be set up. The message says what, why, and how to mend it, in one line.</summary>
public sealed class RoutingException : IOException
{
    /// <param name="message">One line for people.</param>
    public RoutingException(string message)
        : base(message)
    {
    }

    /// <param name="message">One line for people.</param>
    /// <param name="inner">The cause.</param>
    public RoutingException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
