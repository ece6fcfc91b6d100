using System.Globalization;

namespace Firewall.Devices.Linux;

/// <summary>What the kernel says it dropped at a network interface of this network namespace (proc_net(5), /proc/net/dev).</summary>
/// <param name="Received">What came from the interface: for a TUN what the appliance wrote and the kernel did not take.</param>
/// <param name="Sent">What was to go to it: for a TUN what found its queue full, because the appliance did not read fast enough.</param>
public readonly record struct InterfaceDrops(long Received, long Sent)
{
    private const int ReceivedColumn = 3;
    private const int SentColumn = 11;

    /// <summary>The figures of an interface, or null where there is no such interface, or nothing that tells.</summary>
    public static InterfaceDrops? Of(string name)
    {
        try
        {
            return Read(File.ReadLines("/proc/net/dev"), name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal static InterfaceDrops? Read(IEnumerable<string> lines, string name)
    {
        foreach (string line in lines)
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || !line.AsSpan(0, colon).Trim().SequenceEqual(name)) continue;
            string[] columns = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length > SentColumn
                && long.TryParse(columns[ReceivedColumn], NumberStyles.None, CultureInfo.InvariantCulture, out long received)
                && long.TryParse(columns[SentColumn], NumberStyles.None, CultureInfo.InvariantCulture, out long sent))
            {
                return new InterfaceDrops(received, sent);
            }
        }

        return null;
    }
}
