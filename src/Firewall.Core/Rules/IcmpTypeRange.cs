using System.Globalization;

namespace Firewall.Core.Rules;

/// <summary>
/// ICMP messages from <see cref="First"/> to <see cref="Last"/>, both included, each written as one number: the type in the upper eight
/// bits, the code in the lower. Our extension of a rule (<c>icmpTypes</c>); Azure knows the protocol alone. The numbers are those of
/// ICMP (RFC 792) in a rule for <c>Icmp</c>, and of ICMPv6 (RFC 4443) in one for <c>Icmpv6</c>.
/// </summary>
/// <param name="First">The lowest type and code.</param>
/// <param name="Last">The highest type and code; not below the lowest.</param>
public readonly record struct IcmpTypeRange(ushort First, ushort Last)
{
    /// <summary>
    /// Reads <c>8</c> (a type with all its codes), <c>133-137</c> (several types), <c>3/4</c> (a code of a type) or <c>3/0-3</c> (several
    /// codes of a type); digits only, 0–255.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IcmpTypeRange range)
    {
        range = default;
        int slash = text.IndexOf('/');
        if (!TryParseBytes(slash < 0 ? text : text[..slash], out byte firstType, out byte lastType)) return false;
        byte firstCode = 0;
        byte lastCode = byte.MaxValue;
        if (slash >= 0 && (firstType != lastType || text[..slash].Contains('-') || !TryParseBytes(text[(slash + 1)..], out firstCode, out lastCode))) return false;
        range = new IcmpTypeRange(Number(firstType, firstCode), Number(lastType, lastCode));
        return true;
    }

    /// <summary>A type and a code as one number.</summary>
    public static ushort Number(byte type, byte code) => (ushort)((type << 8) | code);

    /// <summary>What <see cref="TryParse"/> reads; a range that it cannot write at once becomes several, with commas.</summary>
    public override string ToString() => string.Join(',', Pieces().Select(piece => piece.Text()));

    private string Text()
    {
        (int type, int lastType, int code, int lastCode) = (First >> 8, Last >> 8, First & 0xFF, Last & 0xFF);
        if (code == 0 && lastCode == byte.MaxValue) return Bytes(type, lastType);
        return string.Create(CultureInfo.InvariantCulture, $"{type}/{Bytes(code, lastCode)}");
    }

    /// <summary>Cuts it into whole types, and parts of one type.</summary>
    private IEnumerable<IcmpTypeRange> Pieces()
    {
        int last = Last;
        for (int at = First; at <= last;)
        {
            int endOfType = at | 0xFF;
            int end = Math.Min(last, endOfType);
            if (end == endOfType && (at & 0xFF) == 0) end = ((last + 1) & ~0xFF) - 1;
            yield return new IcmpTypeRange((ushort)at, (ushort)end);
            at = end + 1;
        }
    }

    private static string Bytes(int first, int last) => first == last
        ? first.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{first}-{last}");

    private static bool TryParseBytes(ReadOnlySpan<char> text, out byte first, out byte last)
    {
        int dash = text.IndexOf('-');
        last = 0;
        if (!TryParseByte(dash < 0 ? text : text[..dash], out first)) return false;
        last = first;
        return dash < 0 || (TryParseByte(text[(dash + 1)..], out last) && last >= first);
    }

    private static bool TryParseByte(ReadOnlySpan<char> digits, out byte value) =>
        byte.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
