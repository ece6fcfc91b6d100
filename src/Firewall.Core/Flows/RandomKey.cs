namespace Firewall.Core.Flows;

/// <summary>Keys that nobody outside can guess, from the system's random source.</summary>
internal static class RandomKey
{
    private const int GuidBytes = 16;

    /// <summary>Fills a key. Of each 16 bytes 122 bits are random, the others are the version of a GUID.</summary>
    /// <remarks>
    /// <see cref="Guid.NewGuid"/> reads the system's source itself. RandomNumberGenerator would do so by way of OpenSSL, which the one
    /// executable would then need on every machine and in every container.
    /// </remarks>
    public static void Fill(Span<byte> key)
    {
        Span<byte> part = stackalloc byte[GuidBytes];
        while (!key.IsEmpty)
        {
            Guid.NewGuid().TryWriteBytes(part);
            int length = Math.Min(key.Length, GuidBytes);
            part[..length].CopyTo(key);
            key = key[length..];
        }
    }
}
