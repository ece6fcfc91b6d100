using System.Globalization;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules;

/// <summary>
/// Azure's <c>protocol</c> of a rule: one IP protocol or all of them. <c>*</c> matches every IP protocol, not only TCP, UDP and
/// ICMP. <c>Icmp</c> is ICMP for IPv4 alone, <c>Icmpv6</c> the other. A protocol number (0–255) is our extension.
/// </summary>
public readonly record struct RuleProtocol
{
    // One more than the number, so that the default value is "any".
    private readonly short _numberPlusOne;

    private RuleProtocol(int number) => _numberPlusOne = (short)(number + 1);

    /// <summary>Every IP protocol.</summary>
    public static RuleProtocol Any => default;

    /// <summary>True for <c>*</c>.</summary>
    public bool IsAny => _numberPlusOne == 0;

    /// <summary>The IANA number; meaningless if <see cref="IsAny"/>.</summary>
    public byte Number => (byte)(_numberPlusOne - 1);

    /// <summary>One protocol by its IANA number.</summary>
    public static RuleProtocol Of(byte number) => new(number);

    /// <summary>True if the rule's protocol covers that of a packet.</summary>
    public bool Matches(byte protocol) => _numberPlusOne == 0 || _numberPlusOne == protocol + 1;

    /// <summary>Reads Azure's names in any case, <c>Icmpv6</c>, <c>*</c>, or a number from 0 to 255.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out RuleProtocol protocol)
    {
        protocol = default;
        if (text is "*") return true;
        int number = text switch
        {
            _ when text.Equals("Tcp", StringComparison.OrdinalIgnoreCase) => IpProtocol.Tcp,
            _ when text.Equals("Udp", StringComparison.OrdinalIgnoreCase) => IpProtocol.Udp,
            _ when text.Equals("Icmp", StringComparison.OrdinalIgnoreCase) => IpProtocol.Icmp,
            _ when text.Equals("Icmpv6", StringComparison.OrdinalIgnoreCase) => IpProtocol.Icmpv6,
            _ when text.Equals("Esp", StringComparison.OrdinalIgnoreCase) => IpProtocol.Esp,
            _ when text.Equals("Ah", StringComparison.OrdinalIgnoreCase) => IpProtocol.Ah,
            _ => -1,
        };
        if (number < 0)
        {
            if (!byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte given)) return false;
            number = given;
        }

        protocol = new RuleProtocol(number);
        return true;
    }

    /// <summary>Azure's spelling; a number for what Azure has no name for.</summary>
    public override string ToString() => IsAny ? "*" : Number switch
    {
        IpProtocol.Tcp => "Tcp",
        IpProtocol.Udp => "Udp",
        IpProtocol.Icmp => "Icmp",
        IpProtocol.Icmpv6 => "Icmpv6",
        IpProtocol.Esp => "Esp",
        IpProtocol.Ah => "Ah",
        byte other => other.ToString(CultureInfo.InvariantCulture),
    };
}
