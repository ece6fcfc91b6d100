using System.Globalization;

namespace Firewall.Core.Rules;

/// <summary>Ports from <see cref="First"/> to <see cref="Last"/>, both included; 0–65535.</summary>
/// <param name="First">The lowest port.</param>
/// <param name="Last">The highest port; not below the lowest.</param>
public readonly record struct PortRange(ushort First, ushort Last)
{
    /// <summary>Azure's <c>*</c>, the same as <c>0-65535</c>: also matches packets that have no ports.</summary>
    public static PortRange Any { get; } = new(0, ushort.MaxValue);

    /// <summary>True for all ports.</summary>
    public bool IsAny => First == 0 && Last == ushort.MaxValue;

    /// <summary>True if the port lies in the range.</summary>
    public bool Contains(ushort port) => port >= First && port <= Last;

    /// <summary>Reads <c>N</c> or <c>N-M</c>, digits only; <c>*</c> is not read here, since it is legal only in some fields.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out PortRange range)
    {
        range = default;
        int dash = text.IndexOf('-');
        if (!TryParsePort(dash < 0 ? text : text[..dash], out ushort first)) return false;
        ushort last = first;
        if (dash >= 0 && !TryParsePort(text[(dash + 1)..], out last)) return false;
        if (last < first) return false;
        range = new PortRange(first, last);
        return true;
    }

    /// <summary><c>*</c>, <c>N</c> or <c>N-M</c>.</summary>
    public override string ToString() => IsAny ? "*"
        : First == Last ? First.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{First}-{Last}");

    private static bool TryParsePort(ReadOnlySpan<char> digits, out ushort port) =>
        ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port);
}
