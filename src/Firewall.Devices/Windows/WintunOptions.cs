using System.Buffers;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Firewall.Devices.Windows;

/// <summary>How to make a Wintun adapter and its session.</summary>
public sealed record WintunOptions
{
    /// <summary>The longest name of an adapter, in characters (MAX_ADAPTER_NAME of wintun.h, less the zero).</summary>
    public const int MaxNameLength = 127;

    /// <summary>The smallest ring, in bytes (WINTUN_MIN_RING_CAPACITY).</summary>
    public const int MinRingCapacity = 0x20000;

    /// <summary>The largest ring, in bytes (WINTUN_MAX_RING_CAPACITY).</summary>
    public const int MaxRingCapacity = 0x400_0000;

    /// <summary>
    /// The default of <see cref="RingCapacity"/>, 8 MiB: 10 ms of full-sized packets at 6 Gbit/s, the longest pause that a garbage collection
    /// or a busy core should cause.
    /// </summary>
    public const int DefaultRingCapacity = 0x80_0000;

    // What the network connections folder of Windows refuses in a name.
    private static readonly SearchValues<char> Refused = SearchValues.Create("\\/:*?\"<>|");

    /// <summary>The adapter's name, as Windows shows it: 1 to <see cref="MaxNameLength"/> characters.</summary>
    public string Name { get; init; } = "fw0";

    /// <summary>What kind of tunnel it is, as the device manager shows it; same length as the name.</summary>
    public string TunnelType { get; init; } = "Firewall";

    /// <summary>Bytes that each of the two rings holds: a power of two from <see cref="MinRingCapacity"/> to <see cref="MaxRingCapacity"/>.</summary>
    public int RingCapacity { get; init; } = DefaultRingCapacity;

    /// <summary>Full path of wintun.dll; null for the one beside the executable.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>
    /// The adapter's GUID, made from its name: Windows then knows the adapter again at the next start, with the network profile that the
    /// administrator gave it, instead of asking about a new network.
    /// </summary>
    public Guid Id => new(SHA256.HashData(Encoding.UTF8.GetBytes("firewall/wintun/" + Name)).AsSpan(0, 16));

    /// <summary>Says what is wrong with a name, or null if nothing is.</summary>
    public static string? CheckName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > MaxNameLength) return $"'{name}' must have 1 to {MaxNameLength} characters";
        int at = name.AsSpan().IndexOfAny(Refused);
        if (at >= 0) return $"'{name}' must not contain '{name[at]}'";
        return name.Any(char.IsControl) ? "it must not contain control characters" : null;
    }

    /// <summary>True if a ring may have that many bytes.</summary>
    public static bool IsRingCapacity(int bytes) => bytes is >= MinRingCapacity and <= MaxRingCapacity && BitOperations.IsPow2(bytes);
}
