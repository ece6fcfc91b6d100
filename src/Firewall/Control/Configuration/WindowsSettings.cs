using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Devices.Windows;

namespace Firewall.Control.Configuration;

/// <summary>Keys of <c>Firewall:Windows</c>: what a Wintun adapter needs beyond <c>Firewall:Tun</c>. Of no effect on other systems.</summary>
/// <param name="RingCapacity">Bytes of each of the two rings.</param>
/// <param name="Metric">The interface's metric; 0 for Windows' own.</param>
/// <param name="Addresses">The adapter's addresses.</param>
/// <param name="Routes">The destinations that lead to it.</param>
internal sealed record WindowsSettings(
    int RingCapacity, int Metric, IReadOnlyList<(IpAddress Address, int PrefixLength)> Addresses, IReadOnlyList<IpPrefix> Routes)
{
    /// <summary>Reads the section.</summary>
    public static WindowsSettings Read(SectionReader section)
    {
        const string CapacityAllowed = "a power of two from 131072 to 67108864 (bytes)";
        const string AddressAllowed = "an address with the length of its prefix, such as \"10.255.0.1/30\"";
        string capacity = section.Text(
            "RingCapacity",
            WintunOptions.DefaultRingCapacity.ToString(CultureInfo.InvariantCulture),
            CapacityAllowed,
            text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int bytes) && WintunOptions.IsRingCapacity(bytes));
        return new WindowsSettings(
            int.Parse(capacity, CultureInfo.InvariantCulture),
            section.Integer("Metric", 0, 0, 9999),
            [.. section.List("Addresses", AddressAllowed, text => TryParse(text, out _)).Select(text => TryParse(text, out (IpAddress, int) read) ? read : default)],
            section.Prefixes("Routes"));
    }

    /// <summary>The settings as text, for comparison.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"rings of {RingCapacity} bytes, metric {Metric}, addresses {string.Join(", ", Addresses.Select(a => $"{a.Address}/{a.PrefixLength}"))}, routes {string.Join(", ", Routes)}");

    private static bool TryParse(string text, out (IpAddress Address, int PrefixLength) read)
    {
        read = default;
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !IpAddress.TryParse(text.AsSpan(0, slash), out IpAddress address)) return false;
        if (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length)) return false;
        read = (address, length);
        return length <= (address.IsIPv4 ? 32 : 128);
    }
}
