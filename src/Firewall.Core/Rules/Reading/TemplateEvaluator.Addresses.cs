using System.Text.Json;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Reading;

/// <content>Functions on address prefixes.</content>
internal sealed partial class TemplateEvaluator
{
    private JsonValue? AddressFunction(string function, IReadOnlyList<JsonValue> values)
    {
        switch (function)
        {
            case "cidrsubnet": return Text(Subnet(Prefix(values), WholeOf(At(values, 1)), WholeOf(At(values, 2))).ToString());
            case "cidrhost": return Text(Host(Prefix(values), WholeOf(At(values, 1))).ToString());
            case "parsecidr": return Parsed(Prefix(values));
            default: return null;
        }
    }

    private IpPrefix Prefix(IReadOnlyList<JsonValue> values) =>
        IpPrefix.TryParse(TextOf(Known(At(values, 0))), out IpPrefix prefix, out _) ? prefix : throw new TemplateException("an address prefix is needed");

    /// <summary>The subnet of that number among those of that length.</summary>
    private static IpPrefix Subnet(IpPrefix prefix, long length, long number)
    {
        int width = prefix.IsIPv4 ? 32 : 128;
        long bits = length - prefix.Length;
        if (length > width || length < prefix.Length || number < 0 || (bits < 63 && number >> (int)bits != 0)) throw new TemplateException("there is no such subnet");
        // A shift by the whole width would shift by nothing; then the only subnet is the first.
        UInt128 offset = number == 0 ? UInt128.Zero : (UInt128)number << (int)(width - length);
        return IpPrefix.Create(IpAddress.FromBits(prefix.First.Bits + offset), (int)length);
    }

    /// <summary>The address of that number among those that a host may have: number 0 is the first after the network's own.</summary>
    private static IpAddress Host(IpPrefix prefix, long number)
    {
        UInt128 room = prefix.Last.Bits - prefix.First.Bits;
        return number >= 0 && (UInt128)number < room
            ? IpAddress.FromBits(prefix.First.Bits + (UInt128)number + 1)
            : throw new TemplateException("there is no such address");
    }

    private JsonValue Parsed(IpPrefix prefix)
    {
        JsonValue made = site.With(JsonValueKind.Object);
        int width = prefix.IsIPv4 ? 32 : 128;
        // The last address of an IPv4 network is its broadcast address, and no host's.
        bool hasBroadcast = prefix.IsIPv4 && prefix.Length < 31;
        (string Name, JsonValue Value)[] parts =
        [
            ("network", Text(prefix.First.ToString())),
            ("netmask", Text(IpPrefix.Create(prefix.IsIPv4 ? IpAddress.FromBits(UInt128.MaxValue >> 80) : IpAddress.FromBits(UInt128.MaxValue), prefix.Length).First.ToString())),
            ("cidr", Number(prefix.Length)),
            ("firstUsable", Text((prefix.Length < width ? IpAddress.FromBits(prefix.First.Bits + 1) : prefix.First).ToString())),
            ("lastUsable", Text((hasBroadcast ? IpAddress.FromBits(prefix.Last.Bits - 1) : prefix.Last).ToString())),
        ];
        foreach ((string name, JsonValue value) in parts) made.TryAdd(made.Named(name, value));
        if (prefix.IsIPv4) made.TryAdd(made.Named("broadcast", Text(prefix.Last.ToString())));
        return made;
    }
}
