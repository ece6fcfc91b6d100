using Firewall.Devices.Linux;

namespace Firewall.Logs;

/// <summary>
/// Standard output and standard error as two that know nothing of each other, so that a reader of one who hangs is not felt at the other. Each call
/// waits as long as its reader makes it wait: call them on threads that may.
/// </summary>
internal static class StandardOutputs
{
    /// <summary>Writes to standard output.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void WriteOutput(ReadOnlySpan<byte> bytes)
    {
        if (OperatingSystem.IsLinux()) StandardStream.Output.Write(bytes);
        else Write(Console.OpenStandardOutput(), bytes);
    }

    /// <summary>Writes to standard error.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void WriteError(ReadOnlySpan<byte> bytes)
    {
        if (OperatingSystem.IsLinux()) StandardStream.Error.Write(bytes);
        else Write(Console.OpenStandardError(), bytes);
    }

    // On Windows the console's streams take no lock.
    private static void Write(Stream stream, ReadOnlySpan<byte> bytes)
    {
        using (stream)
        {
            stream.Write(bytes);
            stream.Flush();
        }
    }
}
