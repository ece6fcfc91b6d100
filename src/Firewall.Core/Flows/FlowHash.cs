using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Firewall.Core.Packets;
using X86Aes = System.Runtime.Intrinsics.X86.Aes;

namespace Firewall.Core.Flows;

/// <summary>
/// The flow table's hash, keyed with random bits at start, so that nobody outside can choose tuples that collide. Uses the processor's
/// AES round where there is one, else SipHash-1-3; a table keeps to the one it was made with.
/// </summary>
public readonly struct FlowHash
{
    private readonly Vector128<byte> _key0;
    private readonly Vector128<byte> _key1;

    // Of the first two, for more rounds with keys of their own.
    private readonly Vector128<byte> _key2;
    private readonly Vector128<byte> _key3;

    /// <summary>Makes the hash of a key of 32 bytes.</summary>
    public FlowHash(ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(key.Length, 32);
        _key0 = Vector128.Create(key[..16]);
        _key1 = Vector128.Create(key[16..32]);
        if (!X86Aes.IsSupported) return;
        _key2 = X86Aes.Encrypt(_key0, _key1);
        _key3 = X86Aes.Encrypt(_key1, _key0);
    }

    /// <summary>Makes a hash with a key from the system's random source.</summary>
    public static FlowHash CreateRandom()
    {
        Span<byte> key = stackalloc byte[32];
        RandomKey.Fill(key);
        return new FlowHash(key);
    }

    /// <summary>64 well-mixed bits of a flow key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Of(in FlowKey key) => Of(key.Low, key.High, RestOf(key.LowPort, key.HighPort, key.Protocol));

    internal static ulong RestOf(ushort lowPort, ushort highPort, byte protocol) => ((ulong)lowPort << 32) | ((ulong)highPort << 16) | protocol;

    /// <summary>64 well-mixed bits of two addresses and eight more bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Of(IpAddress first, IpAddress second, ulong rest) =>
        X86Aes.IsSupported ? AesRounds(first, second, rest) : SipHash13(first, second, rest);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong AesRounds(IpAddress first, IpAddress second, ulong rest)
    {
        // Each block goes through two rounds of its own before it meets the others: after one, a byte has reached four only, and two blocks undo each
        // other's byte by byte, so that who chooses them needs little luck for a collision. Side by side they take no longer than one. Two more spread the sum.
        Vector128<byte> a = X86Aes.Encrypt(X86Aes.Encrypt(Vector128.Create(first.High, first.Low).AsByte() ^ _key0, _key1), _key2);
        Vector128<byte> b = X86Aes.Encrypt(X86Aes.Encrypt(Vector128.Create(second.High, second.Low).AsByte() ^ _key1, _key2), _key3);
        Vector128<byte> c = X86Aes.Encrypt(X86Aes.Encrypt(Vector128.Create(rest, ~rest).AsByte() ^ _key2, _key3), _key0);
        Vector128<byte> mixed = X86Aes.Encrypt(X86Aes.Encrypt(a ^ b ^ c, _key3), _key1);
        return mixed.AsUInt64().ToScalar();
    }

    internal ulong SipHash13(IpAddress first, IpAddress second, ulong rest)
    {
        ulong k0 = _key0.AsUInt64().ToScalar();
        ulong k1 = _key1.AsUInt64().ToScalar();
        ulong v0 = k0 ^ 0x736F6D6570736575;
        ulong v1 = k1 ^ 0x646F72616E646F6D;
        ulong v2 = k0 ^ 0x6C7967656E657261;
        ulong v3 = k1 ^ 0x7465646279746573;
        Absorb(first.High, ref v0, ref v1, ref v2, ref v3);
        Absorb(first.Low, ref v0, ref v1, ref v2, ref v3);
        Absorb(second.High, ref v0, ref v1, ref v2, ref v3);
        Absorb(second.Low, ref v0, ref v1, ref v2, ref v3);
        Absorb(rest, ref v0, ref v1, ref v2, ref v3);
        Absorb(40ul << 56, ref v0, ref v1, ref v2, ref v3);
        v2 ^= 0xFF;
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        return v0 ^ v1 ^ v2 ^ v3;
    }

    private static void Absorb(ulong word, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v3 ^= word;
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= word;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v3;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }
}
