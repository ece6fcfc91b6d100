namespace Firewall.Devices.Captures;

/// <summary>A capture file cannot be read (further). The message names the file, the place and what was expected there.</summary>
public sealed class CaptureException : Exception
{
    /// <summary>Makes the exception for a fault at a place in a file.</summary>
    /// <param name="name">The file's name as the user gave it.</param>
    /// <param name="offset">The byte at which the faulty part begins, from 0; -1 if the file could not be opened.</param>
    /// <param name="fault">What is wrong, and if possible how to mend it.</param>
    /// <param name="inner">The cause, if there is one.</param>
    public CaptureException(string name, long offset, string fault, Exception? inner = null)
        : base(offset < 0 ? $"{name}: {fault}" : $"{name}: byte {offset}: {fault}", inner)
    {
        Offset = offset;
    }

    /// <summary>The byte at which the faulty part begins, from 0; -1 if the file could not be opened.</summary>
    public long Offset { get; }
}
