namespace Firewall.Devices.Linux;

/// <summary>A TUN could not be made. The message says what failed, why, and how to mend it, in one line.</summary>
public sealed class TunException : IOException
{
    /// <param name="message">One line for people.</param>
    public TunException(string message)
        : base(message)
    {
    }

    /// <param name="message">One line for people.</param>
    /// <param name="inner">The cause.</param>
    public TunException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
