using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>FR_ACT_… of linux/fib_rules.h.</summary>
internal enum RuleAction : byte
{
    Lookup = 1,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
}

/// <summary>A rule of the routing policy database (ip-rule(8)), with the selectors that this program uses. Equal if all are.</summary>
internal sealed record RoutingRule
{
    /// <summary>NetlinkMessage.IPv4 or IPv6.</summary>
    public required byte Family { get; init; }

    /// <summary>The lower is asked first; the kernel's own are 0, 32766 and 32767.</summary>
    public required uint Priority { get; init; }

    public RuleAction Action { get; init; } = RuleAction.Lookup;

    /// <summary>The table to look up, 0 for the other actions.</summary>
    public uint Table { get; init; }

    /// <summary>Selects what enters by this interface; "lo" stands for what the machine itself sends.</summary>
    public string? InputInterface { get; init; }

    /// <summary>Selects what a socket bound to this interface sends.</summary>
    public string? OutputInterface { get; init; }

    /// <summary>Selects by destination.</summary>
    public IpPrefix? Destination { get; init; }

    /// <summary>Selects by IP protocol, 0 for any.</summary>
    public byte IpProtocol { get; init; }

    public PortSpan? SourcePorts { get; init; }

    public PortSpan? DestinationPorts { get; init; }

    /// <summary>RTPROT_…: who made the rule.</summary>
    public byte Protocol { get; init; }

    /// <summary>True if the rule has a selector or an effect that is not held here: then it is not one of ours.</summary>
    public bool IsForeign { get; init; }

    /// <summary>Reads an RTM_NEWRULE; null for a family other than IPv4 and IPv6.</summary>
    public static RoutingRule? Read(ReadOnlySpan<byte> body)
    {
        const ushort destination = 1, inputName = 3, priority = 6, suppressGroup = 13, suppressLength = 14, tableAttribute = 15,
            outputName = 17, padding = 18, protocolAttribute = 21, ipProtocol = 22, sourcePorts = 23, destinationPorts = 24,
            sourceMask = 28, destinationMask = 29;
        const uint invertFlag = 0x2;
        const uint unlimited = uint.MaxValue;
        NetlinkMessage.RequireLength(body, 12, "a routing rule");
        byte family = body[0];
        if (family is not (NetlinkMessage.IPv4 or NetlinkMessage.IPv6)) return null;
        var rule = new RoutingRule
        {
            Family = family,
            Priority = 0,
            Action = (RuleAction)body[7],
            Table = body[4],
            IsForeign = body[2] != 0 || body[3] != 0 || (NetlinkMessage.ReadUInt32(body[8..]) & invertFlag) != 0,
        };
        var attributes = new NetlinkAttributes(body[12..]);
        while (attributes.Next())
        {
            rule = attributes.Type switch
            {
                destination => rule with { Destination = ReadPrefix(attributes.Address, body[1]) },
                inputName => rule with { InputInterface = attributes.Text },
                outputName => rule with { OutputInterface = attributes.Text },
                priority => rule with { Priority = attributes.UInt32 },
                tableAttribute => rule with { Table = attributes.UInt32 },
                protocolAttribute => rule with { Protocol = attributes.Byte },
                ipProtocol => rule with { IpProtocol = attributes.Byte },
                sourcePorts => rule with { SourcePorts = attributes.Ports },
                destinationPorts => rule with { DestinationPorts = attributes.Ports },
                // The kernel always writes this one, -1 if it is not set.
                suppressLength or suppressGroup => attributes.UInt32 == unlimited ? rule : rule with { IsForeign = true },
                // Nor are these a selector of their own for a port without a mask.
                sourceMask or destinationMask => attributes.Value.IndexOfAnyExcept((byte)0xFF) < 0 ? rule : rule with { IsForeign = true },
                padding => rule,
                _ => rule with { IsForeign = true },
            };
        }

        return rule.Action == RuleAction.Lookup ? rule : rule with { Table = 0 };
    }

    /// <summary>The request that adds this rule.</summary>
    public NetlinkRequest ToAddRequest() => ToRequest(NetlinkMessage.NewRule, NetlinkMessage.Create | NetlinkMessage.Exclusive, "adding");

    /// <summary>The request that deletes this rule.</summary>
    public NetlinkRequest ToDeleteRequest() => ToRequest(NetlinkMessage.DeleteRule, 0, "deleting");

    public override string ToString() =>
        $"{(Family == NetlinkMessage.IPv6 ? "-6 " : "")}pref {Priority}"
        + (Destination is { } to ? $" to {to}" : "") + (InputInterface is { } input ? $" iif {input}" : "")
        + (OutputInterface is { } output ? $" oif {output}" : "") + (IpProtocol != 0 ? $" ipproto {IpProtocol}" : "")
        + (Action == RuleAction.Lookup ? $" lookup {Table}" : $" {Action.ToString().ToLowerInvariant()}");

    private static IpPrefix ReadPrefix(IpAddress address, int length)
    {
        if (length > (address.IsIPv4 ? 32 : 128)) NetlinkMessage.ThrowMalformed($"a rule with a prefix of {length} bits");
        return IpPrefix.Create(address, length);
    }

    private NetlinkRequest ToRequest(ushort type, ushort flags, string verb)
    {
        const ushort destination = 1, inputName = 3, priority = 6, tableAttribute = 15, outputName = 17, protocolAttribute = 21,
            ipProtocol = 22, sourcePorts = 23, destinationPorts = 24;
        NetlinkRequest request = new NetlinkRequest(type, flags, $"{verb} the routing rule {this}")
            .Byte(Family).Byte((byte)(Destination?.Length ?? 0)).Byte(0).Byte(0)
            .Byte(Table < 256 ? (byte)Table : (byte)0).Byte(0).Byte(0).Byte((byte)Action).UInt32(0)
            .Attribute(priority, Priority)
            .Attribute(protocolAttribute, Protocol);
        if (Table != 0) request.Attribute(tableAttribute, Table);
        if (Destination is { } to) request.Attribute(destination, to.Address);
        if (InputInterface is { } input) request.Attribute(inputName, input);
        if (OutputInterface is { } output) request.Attribute(outputName, output);
        if (IpProtocol != 0) request.Attribute(ipProtocol, IpProtocol);
        if (SourcePorts is { } from) request.Attribute(sourcePorts, from);
        if (DestinationPorts is { } ports) request.Attribute(destinationPorts, ports);
        return request;
    }
}
