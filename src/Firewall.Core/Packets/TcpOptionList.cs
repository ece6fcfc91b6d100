namespace Firewall.Core.Packets;

/// <summary>The option list behind the fixed TCP header (RFC 9293 section 3.1).</summary>
internal static class TcpOptionList
{
    private const byte EndOfList = 0;
    private const byte NoOperation = 1;

    /// <summary>
    /// Checks that the list adds up: every option fits, and the options whose value the firewall uses have the length that their
    /// RFC gives them. Hosts differ in what they make of a list that does not, so that such a packet opens no flow.
    /// </summary>
    /// <param name="options">The list, as far as it is there.</param>
    /// <param name="isCut">True if a snap length cut the list off, so that an option may run beyond what is there.</param>
    /// <param name="used">Bytes up to the end-of-list option or to the last whole option; what follows is padding, or was cut off.</param>
    /// <returns>True if the list adds up.</returns>
    public static bool TryMeasure(ReadOnlySpan<byte> options, bool isCut, out int used)
    {
        used = 0;
        while (used < options.Length)
        {
            byte kind = options[used];
            if (kind == EndOfList) return true;
            if (kind == NoOperation)
            {
                used++;
                continue;
            }

            if (used + 1 == options.Length) return isCut;
            int length = options[used + 1];
            if (length < 2 || !HasRightLength(kind, length)) return false;
            if (used + length > options.Length) return isCut;
            used += length;
        }

        return true;
    }

    // Maximum segment size, window scale, SACK permitted, timestamps (RFC 9293, RFC 7323, RFC 2018).
    private static bool HasRightLength(byte kind, int length) => kind switch
    {
        2 => length == 4,
        3 => length == 3,
        4 => length == 2,
        8 => length == 10,
        _ => true,
    };
}
