using System.Globalization;
using System.Text;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>A group of rules that between them name every service tag they can, and packets that they judge.</summary>
internal sealed class RulePolicy
{
    private const string TagFilePath = "data/service-tags/ServiceTags_Public.json";
    private const int Prefixes = 90_000;

    private readonly ServiceTags _tags;
    private readonly NetworkSecurityGroup _group;
    private readonly IpPrefix[] _v4;
    private readonly IpPrefix[] _v6;

    public RulePolicy(int rules)
    {
        TagFile = FindTagFile() is { } path ? File.ReadAllBytes(path) : MakeUpTags();
        _tags = ServiceTags.Read(TagFile, "tags", out _);
        _group = Group(rules);
        IpPrefix[] all = [.. _tags.Names.SelectMany(name => _tags.TryGet(name, out IReadOnlyList<IpPrefix> prefixes) ? prefixes : [])];
        _v4 = [.. all.Where(prefix => prefix.IsIPv4)];
        _v6 = [.. all.Where(prefix => !prefix.IsIPv4)];
    }

    /// <summary>The service tag file, or one made up.</summary>
    public byte[] TagFile { get; }

    /// <summary>The rules as a file; the first allows the packets of <see cref="Traffic"/>.</summary>
    /// <param name="edit">Which edit of one rule it has: of its access, its port or its source; 0 for none.</param>
    public byte[] Json(int edit = 0)
    {
        StringBuilder json = new("{\"name\":\"nsg-tags\",\"properties\":{\"securityRules\":[\n");
        SecurityRule first = _group.SecurityRules[0] with { Source = AddressSelector.Any, DestinationPorts = [new PortRange(Traffic.Port, Traffic.Port)], Access = Access.Allow, Protocol = RuleProtocol.Any };
        SecurityRule[] rules = [.. _group.SecurityRules.Skip(1).Prepend(first)];
        if (edit > 0)
        {
            ref SecurityRule edited = ref rules[1 + (edit * 37 % (rules.Length - 2))];
            edited = (edit % 3) switch
            {
                0 => edited with { Access = edited.Access == Access.Allow ? Access.Deny : Access.Allow },
                1 => edited with { DestinationPorts = [new PortRange(Traffic.Port, Traffic.Port)] },
                _ => edited with { Source = rules[^1].Source },
            };
        }

        foreach (SecurityRule rule in rules)
        {
            json.Append(rule.Priority == NsgLimits.MinPriority ? "" : ",\n").Append(
                CultureInfo.InvariantCulture,
                $"{{\"name\":\"{rule.Name}\",\"properties\":{{\"protocol\":\"{rule.Protocol}\",\"sourceAddressPrefix\":\"{(rule.Source.ServiceTag.Length > 0 ? rule.Source.ServiceTag : "*")}\",\"sourcePortRange\":\"*\",\"destinationAddressPrefix\":\"*\",\"destinationPortRange\":\"{rule.DestinationPorts[0]}\",\"access\":\"{rule.Access}\",\"priority\":{rule.Priority},\"direction\":\"{rule.Direction}\"}}}}");
        }

        return Encoding.UTF8.GetBytes(json.Append("]}}").ToString());
    }

    public Policy Compile() => PolicyCompiler.Compile([_group], new PolicyOptions { ServiceTags = _tags }, new RuleCatalog(), 1).Policy
        ?? throw new InvalidOperationException("The rules of the benchmark are wrong.");

    /// <summary>One rule that allows everything inbound.</summary>
    public static Policy AllowAll()
    {
        const string Rules = """
            { "name": "nsg", "properties": { "securityRules": [ { "name": "allow", "properties": {
              "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*",
              "destinationAddressPrefix": "*", "destinationPortRange": "*" } } ] } }
            """;
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(Rules), "bench.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy
            ?? throw new InvalidOperationException("The rules of the benchmark are wrong.");
    }

    /// <summary>First packets from the tags' addresses to an inside one.</summary>
    public PacketInfo[] Packets(Random random, int count, bool isIPv4)
    {
        IpPrefix[] prefixes = isIPv4 ? _v4 : _v6;
        IpAddress inside = isIPv4 ? IpAddress.FromIPv4(0x0A000004) : new IpAddress(0xFD00_0000_0000_0000, 4);
        return [.. Enumerable.Range(0, count).Select(_ => new PacketInfo
        {
            Protocol = random.Next(2) == 0 ? IpProtocol.Tcp : IpProtocol.Udp,
            Source = prefixes[random.Next(prefixes.Length)].First,
            Destination = inside,
            SourcePort = (ushort)random.Next(32768, 65536),
            DestinationPort = (ushort)random.Next(1, 3000),
        })];
    }

    private NetworkSecurityGroup Group(int count)
    {
        // The largest tags first, so that a thousand rules cover nearly all prefixes, then in an order that has nothing to do with size.
        string[] names = [.. _tags.Names.OrderByDescending(name => _tags.TryGet(name, out IReadOnlyList<IpPrefix> prefixes) ? prefixes.Count : 0).Take(count)];
        new Random(11).Shuffle(names);
        List<SecurityRule> rules = [];
        for (int i = 0; i < count; i++)
        {
            ushort port = (ushort)(1 + (i * 3));
            rules.Add(new SecurityRule
            {
                Name = string.Create(CultureInfo.InvariantCulture, $"rule-{i}"),
                Protocol = i % 3 == 0 ? RuleProtocol.Any : RuleProtocol.Of(i % 3 == 1 ? IpProtocol.Tcp : IpProtocol.Udp),
                Source = AddressSelector.OfServiceTag(names[i % names.Length]),
                SourcePorts = [PortRange.Any],
                Destination = AddressSelector.Any,
                DestinationPorts = [new PortRange(port, (ushort)(port + 50))],
                Access = i % 4 == 0 ? Access.Deny : Access.Allow,
                Priority = NsgLimits.MinPriority + i,
                Direction = RuleDirection.Inbound,
            });
        }

        return new NetworkSecurityGroup { Name = "nsg-tags", SecurityRules = rules };
    }

    private static string? FindTagFile()
    {
        string? shared = Environment.GetEnvironmentVariable("FIREWALL_SHARED");
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); shared is null && at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared");
            if (Directory.Exists(candidate)) shared = candidate;
        }

        string path = Path.Combine(shared ?? "", TagFilePath);
        return File.Exists(path) ? path : null;
    }

    /// <summary>As many prefixes as the real file has, in as many tags, a third of them IPv6, in a few large blocks as providers have them.</summary>
    private static byte[] MakeUpTags()
    {
        const int Tags = 2000;
        var random = new Random(3);
        var json = new StringBuilder("{\"changeNumber\":1,\"values\":[");
        for (int tag = 0; tag < Tags; tag++)
        {
            json.Append(tag == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{{\"name\":\"MadeUp{tag}\",\"properties\":{{\"addressPrefixes\":[");
            for (int i = 0; i < Prefixes / Tags; i++)
            {
                IpPrefix prefix = i % 3 == 0
                    ? IpPrefix.Create(new IpAddress(0x2603_1000_0000_0000 + ((ulong)random.Next(1 << 24) << 12), 0), 48 + (4 * random.Next(5)))
                    : IpPrefix.Create(IpAddress.FromIPv4((uint)random.Next(20, 110) << 24 | (uint)random.Next(1 << 24)), random.Next(20, 33));
                json.Append(i == 0 ? "" : ",").Append('"').Append(prefix).Append('"');
            }

            json.Append("]}}");
        }

        return Encoding.UTF8.GetBytes(json.Append("]}").ToString());
    }
}
