using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Tests.Rules.Analysis;

/// <summary>
/// The hardest rules for exact reasoning: all of one direction, each with ranges of both ports and with prefixes on both sides that
/// cut across those of the others, so that no field sorts them.
/// </summary>
internal static class OverlappingRules
{
    /// <summary>The same seed gives the same rules.</summary>
    /// <param name="count">How many.</param>
    /// <param name="width">The widest range of ports.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <param name="flip">The rule whose access is turned round, or -1.</param>
    public static NetworkSecurityGroup Group(int count, int width, int seed, int flip = -1)
    {
        var random = new Random(seed);
        List<SecurityRule> rules = [];
        for (int i = 0; i < count; i++)
        {
            rules.Add(new SecurityRule
            {
                Name = string.Create(CultureInfo.InvariantCulture, $"rule-{i}"),
                Protocol = random.Next(3) switch { 0 => RuleProtocol.Of(IpProtocol.Udp), 1 => RuleProtocol.Of(IpProtocol.Tcp), _ => RuleProtocol.Any },
                Source = Addresses(random, (uint)random.Next(1, 224) << 24 | (uint)random.Next(1 << 24), 4),
                SourcePorts = [Ports(random, width)],
                Destination = Addresses(random, 10u << 24 | (uint)random.Next(1 << 24), 9),
                DestinationPorts = [Ports(random, width)],
                Access = (random.Next(2) == 0) ^ (i == flip) ? Access.Allow : Access.Deny,
                Priority = NsgLimits.MinPriority + i,
                Direction = RuleDirection.Inbound,
            });
        }

        return new NetworkSecurityGroup { Name = "nsg-overlapping", SecurityRules = rules };
    }

    private static AddressSelector Addresses(Random random, uint address, int shortest)
    {
        int length = random.Next(shortest, shortest + 20);
        return random.Next(5) == 0 ? AddressSelector.Any : AddressSelector.OfPrefixes([IpPrefix.Create(IpAddress.FromIPv4(address & (uint.MaxValue << (32 - length))), length)]);
    }

    private static PortRange Ports(Random random, int width)
    {
        int first = random.Next(65536);
        return random.Next(8) == 0 ? PortRange.Any : new PortRange((ushort)first, (ushort)Math.Min(65535, first + random.Next(width)));
    }
}
