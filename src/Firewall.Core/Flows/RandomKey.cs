namespace Firewall.Core.Flows;

/// <summary>Keys that nobody outside can guess, from the system's random source.</summary>
internal static class RandomKey
{
    // Of the 16 bytes of a version 4 GUID (RFC 9562 section 5.4) as .NET lays them out, byte 7 has the version and byte 8 the variant.
    private const int GuidBytes = 16;
    private const int FixedAt = 7;
    private const int FixedBytes = 2;

    /// <summary>Fills a key of any length; all of its bits are random.</summary>
    /// <remarks>
    /// <see cref="Guid.NewGuid"/> reads the system's source itself. RandomNumberGenerator would do so by way of OpenSSL, which the one
    /// executable would then need on every machine and in every container.
    /// </remarks>
    public static void Fill(Span<byte> key)
    {
        Span<byte> random = stackalloc byte[GuidBytes];
        while (!key.IsEmpty)
        {
            Guid.NewGuid().TryWriteBytes(random);
            random[(FixedAt + FixedBytes)..].CopyTo(random[FixedAt..]);
            int length = Math.Min(key.Length, GuidBytes - FixedBytes);
            random[..length].CopyTo(key);
            key = key[length..];
        }
    }
}
