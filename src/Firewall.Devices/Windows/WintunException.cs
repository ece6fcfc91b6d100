namespace Firewall.Devices.Windows;

/// <summary>A Wintun adapter could not be made. The message says what failed, why, and how to mend it, in one line.</summary>
public sealed class WintunException : IOException
{
    /// <param name="message">One line for people.</param>
    public WintunException(string message)
        : base(message)
    {
    }

    /// <param name="message">One line for people.</param>
    /// <param name="inner">The cause.</param>
    public WintunException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
