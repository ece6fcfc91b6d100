using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// A set of addresses of both families, which never mix: <c>0.0.0.0/0</c> holds no IPv6 address and <c>::/0</c> no IPv4 one.
/// Immutable.
/// </summary>
internal sealed class AddressSet : IEquatable<AddressSet>
{
    private AddressSet(IntervalSet<uint> v4, IntervalSet<UInt128> v6)
    {
        V4 = v4;
        V6 = v6;
    }

    public static AddressSet Empty { get; } = new(IntervalSet<uint>.Empty, IntervalSet<UInt128>.Empty);

    public static AddressSet All { get; } = new(IntervalSet<uint>.All, IntervalSet<UInt128>.All);

    public IntervalSet<uint> V4 { get; }

    public IntervalSet<UInt128> V6 { get; }

    public bool IsEmpty => V4.IsEmpty && V6.IsEmpty;

    public bool IsAll => V4.IsAll && V6.IsAll;

    public static AddressSet Of(IntervalSet<uint> v4, IntervalSet<UInt128> v6) => new(v4, v6);

    public static AddressSet Of(IpAddress address) => From([IpPrefix.Create(address, address.IsIPv4 ? 32 : 128)]);

    public static AddressSet From(IEnumerable<IpPrefix> prefixes)
    {
        List<(uint, uint)> v4 = [];
        List<(UInt128, UInt128)> v6 = [];
        foreach (IpPrefix prefix in prefixes)
        {
            if (prefix.IsIPv4) v4.Add((prefix.First.IPv4Bits, prefix.Last.IPv4Bits));
            else v6.Add((prefix.First.Bits, prefix.Last.Bits));
        }

        return new(IntervalSet<uint>.From(v4), IntervalSet<UInt128>.From(v6));
    }

    /// <summary>True if the address is in the set. Does not allocate.</summary>
    public bool Contains(IpAddress address) => address.IsIPv4 ? V4.Contains(address.IPv4Bits) : V6.Contains(address.Bits);

    public AddressSet Union(AddressSet other) => new(V4.Union(other.V4), V6.Union(other.V6));

    public AddressSet Intersect(AddressSet other) => new(V4.Intersect(other.V4), V6.Intersect(other.V6));

    public AddressSet Complement() => new(V4.Complement(), V6.Complement());

    public bool Overlaps(AddressSet other) => V4.Overlaps(other.V4) || V6.Overlaps(other.V6);

    /// <summary>The fewest prefixes that make up the set, IPv4 first, ascending.</summary>
    public IReadOnlyList<IpPrefix> ToPrefixes()
    {
        List<IpPrefix> prefixes = [];
        for (int i = 0; i < V4.Count; i++) Cut(V4.Firsts[i], V4.Lasts[i], 32, bits => IpAddress.FromIPv4((uint)bits), prefixes);
        for (int i = 0; i < V6.Count; i++) Cut(V6.Firsts[i], V6.Lasts[i], 128, IpAddress.FromBits, prefixes);
        return prefixes;
    }

    private static void Cut(UInt128 first, UInt128 last, int width, Func<UInt128, IpAddress> make, List<IpPrefix> prefixes)
    {
        while (true)
        {
            // The largest block that starts here and does not reach beyond the end.
            int free = first == 0 ? width : Math.Min(width, (int)UInt128.TrailingZeroCount(first));
            while (free > 0 && (free == 128 ? UInt128.MaxValue : (UInt128.One << free) - 1) > last - first) free--;
            prefixes.Add(IpPrefix.Create(make(first), width - free));
            UInt128 size = free == 128 ? UInt128.MaxValue : (UInt128.One << free) - 1;
            if (last - first == size) return;
            first += size + 1;
        }
    }

    public bool Equals(AddressSet? other) => other is not null && V4.Equals(other.V4) && V6.Equals(other.V6);

    public override bool Equals(object? obj) => Equals(obj as AddressSet);

    public override int GetHashCode() => HashCode.Combine(V4, V6);
}
