namespace Firewall.Core.Packets;

/// <summary>
/// An address range in CIDR form. The length counts bits of the family's own width: 0–32 for IPv4, 0–128 for IPv6.
/// The network address has no host bits set; <see cref="TryParse"/> tells the caller when the text had some.
/// </summary>
public readonly record struct IpPrefix
{
    private IpPrefix(IpAddress address, int length)
    {
        Address = address;
        Length = length;
    }

    /// <summary>The first address of the range.</summary>
    public IpAddress Address { get; }

    /// <summary>The prefix length in the family's own bits: 0–32 or 0–128.</summary>
    public int Length { get; }

    /// <summary>True if the prefix is an IPv4 one.</summary>
    public bool IsIPv4 => Address.IsIPv4;

    /// <summary>The first address of the range; the same as <see cref="Address"/>.</summary>
    public IpAddress First => Address;

    /// <summary>The last address of the range.</summary>
    public IpAddress Last => IpAddress.FromBits(Address.Bits | ~Mask(MappedLength));

    /// <summary>The length within the 128-bit mapped form: 96 more than <see cref="Length"/> for IPv4.</summary>
    public int MappedLength => IsIPv4 ? Length + 96 : Length;

    /// <summary>Makes a prefix and clears the host bits of the address.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length does not fit the family.</exception>
    public static IpPrefix Create(IpAddress address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, address.IsIPv4 ? 32 : 128);
        int mapped = address.IsIPv4 ? length + 96 : length;
        return new IpPrefix(IpAddress.FromBits(address.Bits & Mask(mapped)), length);
    }

    /// <summary>
    /// Reads "10.0.0.0/8", "fd00::/8" or a bare address (then /32 or /128). Host bits are accepted here and reported, since
    /// Azure refuses them in rules while people write them on command lines.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IpPrefix prefix, out bool hasHostBits)
    {
        prefix = default;
        hasHostBits = false;
        int slash = text.IndexOf('/');
        if (!IpAddress.TryParse(slash < 0 ? text : text[..slash], out IpAddress address)) return false;
        int longest = address.IsIPv4 ? 32 : 128;
        int length = longest;
        if (slash >= 0)
        {
            ReadOnlySpan<char> digits = text[(slash + 1)..];
            if (digits.IsEmpty || digits.Length > 3 || digits.ContainsAnyExceptInRange('0', '9')) return false;
            length = int.Parse(digits, System.Globalization.CultureInfo.InvariantCulture);
            if (length > longest) return false;
        }

        prefix = Create(address, length);
        hasHostBits = prefix.Address != address;
        return true;
    }

    /// <summary>True if the address lies in the range; an address of the other family never does.</summary>
    public bool Contains(IpAddress address) => address.IsIPv4 == IsIPv4 && (address.Bits & Mask(MappedLength)) == Address.Bits;

    /// <summary>True if every address of <paramref name="other"/> lies in this range.</summary>
    public bool Contains(IpPrefix other) => other.IsIPv4 == IsIPv4 && other.Length >= Length && Contains(other.Address);

    /// <summary>CIDR text, always with its length.</summary>
    public override string ToString() => $"{Address}/{Length}";

    private static UInt128 Mask(int mappedLength) => mappedLength == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - mappedLength);
}
