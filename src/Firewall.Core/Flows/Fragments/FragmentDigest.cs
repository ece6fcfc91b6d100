using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Firewall.Core.Flows.Fragments;

/// <summary>
/// A keyed digest of a fragment's data, to tell an exact duplicate from a fragment that says something else at the same place. It is the
/// NH function of UMAC (RFC 4418 section 5.2.2): two different texts of one length collide with a probability of at most 2^-32, whatever
/// an attacker who does not know the key chooses, and it costs one multiplication for eight bytes.
/// </summary>
internal sealed class FragmentDigest
{
    private const int LongestData = 65_536;

    private readonly ulong[] _key = new ulong[LongestData / sizeof(ulong)];

    /// <summary>Makes the digest with a key from the system's random source, as long as the longest data.</summary>
    public FragmentDigest() => RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(_key.AsSpan()));

    /// <summary>The digest of up to 65,536 bytes.</summary>
    public ulong Of(ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        ReadOnlySpan<ulong> key = _key.AsSpan(0, words.Length);
        ulong sum = (ulong)data.Length;
        for (int i = 0; i < words.Length; i++) sum = unchecked(sum + Product(words[i], key[i]));
        ReadOnlySpan<byte> rest = data[(words.Length * sizeof(ulong))..];
        if (rest.IsEmpty) return sum;
        ulong last = 0;
        for (int i = 0; i < rest.Length; i++) last |= (ulong)rest[i] << (8 * i);
        return unchecked(sum + Product(last, _key[words.Length]));
    }

    private static ulong Product(ulong word, ulong key) =>
        unchecked((ulong)((uint)word + (uint)key) * ((uint)(word >> 32) + (uint)(key >> 32)));
}
