using System.Globalization;
using Firewall.Core.Rules;

namespace Firewall.Tests.Rules.Classification;

/// <summary>A large group that uses every service tag it can: the policy that the performance targets speak of.</summary>
internal static class TagRules
{
    public static NetworkSecurityGroup Group(ServiceTags tags, int count)
    {
        // The largest tags first, so that a thousand rules cover nearly all prefixes.
        string[] names = [.. tags.Names.OrderByDescending(name => tags.TryGet(name, out var prefixes) ? prefixes.Count : 0).Take(Math.Max(1, count / 2))];
        // In an order that has nothing to do with their size, or the first rule would decide everything.
        new Random(11).Shuffle(names);
        List<SecurityRule> rules = [];
        for (int i = 0; i < count; i++)
        {
            bool inbound = i % 2 == 0;
            AddressSelector tag = AddressSelector.OfServiceTag(names[(i / 2) % names.Length]);
            ushort port = (ushort)(1 + (i * 3));
            rules.Add(new SecurityRule
            {
                Name = string.Create(CultureInfo.InvariantCulture, $"rule-{i}"),
                Protocol = i % 3 == 0 ? RuleProtocol.Any : RuleProtocol.Of((byte)(i % 3 == 1 ? 6 : 17)),
                Source = inbound ? tag : AddressSelector.Any,
                SourcePorts = [PortRange.Any],
                Destination = inbound ? AddressSelector.Any : tag,
                DestinationPorts = [new PortRange(port, (ushort)(port + 50))],
                Access = i % 4 == 0 ? Access.Deny : Access.Allow,
                Priority = NsgLimits.MinPriority + i,
                Direction = inbound ? RuleDirection.Inbound : RuleDirection.Outbound,
            });
        }

        return new NetworkSecurityGroup { Name = "nsg-tags", SecurityRules = rules };
    }
}
