using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Reading;

namespace Firewall.Core.Rules.Cases;

/// <summary>
/// Reads expectations: a list, or an object with the list <c>cases</c>. Each has <c>name</c>, <c>protocol</c>, <c>access</c>, perhaps
/// <c>rule</c>, for ICMP perhaps <c>icmpType</c> (<c>8</c>, or with a code <c>3/4</c>), and either <c>source</c> and <c>destination</c>, or <c>direction</c>, <c>local</c> and <c>remote</c>. Ends are written
/// <c>10.0.0.4:22</c>, <c>[fd00::4]:22</c>, <c>10.0.0.4:*</c> or <c>10.0.0.4</c>.
/// </summary>
public static class RuleCaseReader
{
    private const string Code = "InvalidRuleCase";

    /// <summary>Reads JSON. Never throws on bad input.</summary>
    /// <param name="utf8">The file's bytes; not kept.</param>
    /// <param name="file">The file's name, for findings.</param>
    public static RuleCaseFile Read(ReadOnlyMemory<byte> utf8, string file)
    {
        ArgumentNullException.ThrowIfNull(file);
        List<RuleFinding> findings = [];
        List<RuleCase> cases = [];
        if (JsonTree.Parse(utf8, file, findings) is not { } root) return new RuleCaseFile(cases, findings);
        JsonValue? list = root.IsArray ? root : root.Find("cases");
        if (list is not { IsArray: true })
        {
            findings.Add(root.Origin(file).Error(Code, "The file has no list of cases.", "Write {\"cases\":[{\"name\":…,\"protocol\":\"Tcp\",\"source\":…,\"destination\":…,\"access\":\"Allow\"}]}."));
            return new RuleCaseFile(cases, findings);
        }

        foreach (JsonValue node in list.Children)
        {
            Reader reader = new(node, file, findings);
            if (reader.Read(cases.Count + 1) is { } read) cases.Add(read);
        }

        return new RuleCaseFile(cases, findings);
    }

    /// <summary>Reads <c>10.0.0.4:22</c>, <c>[fd00::4]:22</c>, <c>fd00::4</c>, <c>10.0.0.4:*</c> or <c>10.0.0.4</c>; no port and <c>*</c> are both unspecified.</summary>
    public static bool TryParseEnd(ReadOnlySpan<char> text, out IpAddress address, out ushort? port)
    {
        port = null;
        ReadOnlySpan<char> digits = default;
        if (text is ['[', ..])
        {
            int close = text.IndexOf(']');
            if (close < 0 || (close + 1 < text.Length && text[close + 1] != ':'))
            {
                address = default;
                return false;
            }

            digits = close + 2 <= text.Length ? text[(close + 2)..] : default;
            bool hasColon = close + 1 < text.Length;
            text = text[1..close];
            if (hasColon && digits.IsEmpty)
            {
                address = default;
                return false;
            }
        }
        else if (text.Count(':') == 1)
        {
            int colon = text.IndexOf(':');
            digits = text[(colon + 1)..];
            text = text[..colon];
            if (digits.IsEmpty)
            {
                address = default;
                return false;
            }
        }

        if (!IpAddress.TryParse(text, out address)) return false;
        if (digits.IsEmpty || digits is "*") return true;
        if (!ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number)) return false;
        port = number;
        return true;
    }

    private sealed class Reader(JsonValue node, string file, List<RuleFinding> findings)
    {
        public RuleCase? Read(int number)
        {
            int before = findings.Count;
            if (!node.IsObject)
            {
                Add(node, "A case must be an object.", "Write {\"name\":…}.");
                return null;
            }

            foreach (JsonValue property in node.Children)
            {
                // A misspelt expectation would silently test nothing.
                if (property.Name is not ("name" or "direction" or "protocol" or "source" or "destination" or "local" or "remote" or "access" or "rule" or "description" or "icmpType"))
                {
                    Add(property, $"A case has no property {property.Name}.", "Known are name, description, direction, protocol, source, destination, local, remote, icmpType, access and rule.");
                }
            }

            byte protocol = 0;
            if (Required("protocol") is { } protocolText && !TryProtocol(protocolText.Text, out protocol))
            {
                Add(protocolText, $"Unknown protocol {protocolText.Text}.", "Write Tcp, Udp, Icmp, Icmpv6, Esp, Ah or a number from 0 to 255.");
            }

            (byte? icmpType, byte? icmpCode) = IcmpType(protocol);
            Access access = Choice<Access>("access", null, required: true) ?? Access.Deny;
            RuleDirection? direction = Choice<RuleDirection>("direction", null, required: node["local"] is not null || node["remote"] is not null);
            bool isInbound = direction != RuleDirection.Outbound;
            (IpAddress source, ushort? sourcePort) = direction is null ? End("source") : End(isInbound ? "remote" : "local", "source");
            (IpAddress destination, ushort? destinationPort) = direction is null ? End("destination") : End(isInbound ? "local" : "remote", "destination");
            if (findings.Count == before && source.IsIPv4 != destination.IsIPv4)
            {
                Add(node, "One end is IPv4 and the other IPv6.", "Give both ends of one version.");
            }

            if (findings.Count != before) return null;
            return new RuleCase
            {
                Name = node["name"]?.Text ?? string.Create(CultureInfo.InvariantCulture, $"case {number}"),
                Direction = direction,
                Protocol = protocol,
                Source = source,
                SourcePort = sourcePort,
                Destination = destination,
                DestinationPort = destinationPort,
                IcmpType = icmpType,
                IcmpCode = icmpCode,
                Access = access,
                Rule = node["rule"]?.Text,
                Origin = node.Origin(file),
            };
        }

        private static bool TryProtocol(string text, out byte protocol)
        {
            bool isKnown = RuleProtocol.TryParse(text, out RuleProtocol parsed) && !parsed.IsAny;
            protocol = isKnown ? parsed.Number : (byte)0;
            return isKnown;
        }

        /// <summary>A type, or a type and a code; a range would be several cases.</summary>
        private (byte? Type, byte? Code) IcmpType(byte protocol)
        {
            if (node["icmpType"] is not { } value) return default;
            if (protocol is not (IpProtocol.Icmp or IpProtocol.Icmpv6))
            {
                Add(value, "Only a case with the protocol Icmp or Icmpv6 has an icmpType.", "Remove it.");
                return default;
            }

            bool isOne = IcmpTypeRange.TryParse(value.Text, out IcmpTypeRange range) && !value.Text.Contains('-', StringComparison.Ordinal);
            if (!isOne) Add(value, $"Not an ICMP type with or without a code: {value.Text}", "Write 8, or with a code 3/4.");
            return ((byte)(range.First >> 8), range.First == range.Last ? (byte)range.First : null);
        }

        private (IpAddress Address, ushort? Port) End(string name, string? other = null)
        {
            JsonValue? value = node[name] ?? (other is null ? null : node[other]);
            if (value is null)
            {
                Add(node, $"The case has no {name}.", $"Add \"{name}\":\"10.0.0.4:22\".");
                return default;
            }

            if (TryParseEnd(value.Text, out IpAddress address, out ushort? port)) return (address, port);
            Add(value, $"Not an address with or without a port: {value.Text}", "Write 10.0.0.4:22, [fd00::4]:22, 10.0.0.4:* or 10.0.0.4.");
            return default;
        }

        private T? Choice<T>(string name, T? fallback, bool required)
            where T : struct, Enum
        {
            JsonValue? value = required ? Required(name) : node[name];
            if (value is null) return fallback;
            foreach (T choice in Enum.GetValues<T>())
            {
                if (string.Equals(choice.ToString(), value.Text, StringComparison.OrdinalIgnoreCase)) return choice;
            }

            Add(value, $"Unknown {name} {value.Text}.", $"Write {string.Join(" or ", Enum.GetNames<T>())}.");
            return fallback;
        }

        private JsonValue? Required(string name)
        {
            if (node[name] is { } value) return value;
            Add(node, $"The case has no {name}.", $"Add \"{name}\".");
            return null;
        }

        private void Add(JsonValue at, string message, string remedy) => findings.Add(at.Origin(file).Error(Code, message, remedy));
    }
}
