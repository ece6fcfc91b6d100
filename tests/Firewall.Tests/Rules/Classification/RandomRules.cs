using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;

namespace Firewall.Tests.Rules.Classification;

/// <summary>
/// Random rules and packets that meet: addresses and ports come from small pools, and packets are drawn from the first and last
/// numbers of rules and their neighbours, since that is where classifiers go wrong.
/// </summary>
internal sealed class RandomRules(ulong seed)
{
    private readonly Random _random = new(unchecked((int)(seed ^ (seed >> 32))));
    private readonly List<IpAddress> _addresses = [];
    private readonly List<ushort> _icmpTypes = [0, ushort.MaxValue, 8 << 8, 128 << 8];
    private readonly List<ushort> _ports = [0, ushort.MaxValue, 22, 80, 443];

    /// <summary>Rules of one direction in the order of evaluation, with a last one that matches everything or without.</summary>
    public List<ResolvedRule> Rules(int count, bool endsWithAll = true)
    {
        List<ResolvedRule> rules = [];
        AddressSet[] shared = [.. Enumerable.Range(0, 3).Select(_ => Addresses(_random.Next(1, 200)))];
        for (int i = 0; i < count; i++)
        {
            rules.Add(new ResolvedRule(Rule(i), i + 1, Side(shared), Side(shared)));
        }

        if (endsWithAll)
        {
            SecurityRule all = Rule(count) with { Protocol = RuleProtocol.Any, IcmpTypes = [], SourcePorts = [PortRange.Any], DestinationPorts = [PortRange.Any] };
            rules.Add(new ResolvedRule(all, count + 1, AddressSet.All, AddressSet.All));
        }

        return rules;
    }

    public PacketInfo Packet()
    {
        IpAddress source = Address();
        IpAddress destination = Address();
        // A packet has one family; take the source's and look for a destination of it.
        for (int i = 0; i < 20 && destination.IsIPv4 != source.IsIPv4; i++) destination = Address();
        if (destination.IsIPv4 != source.IsIPv4) destination = source;
        ushort icmpType = _random.Next(10) == 0 ? (ushort)_random.Next(65536) : _icmpTypes[_random.Next(_icmpTypes.Count)];
        return new PacketInfo
        {
            IcmpType = (byte)(icmpType >> 8),
            IcmpCode = (byte)icmpType,
            Source = source,
            Destination = destination,
            SourcePort = Port(),
            DestinationPort = Port(),
            Protocol = _random.Next(5) switch { 0 => IpProtocol.Tcp, 1 => IpProtocol.Udp, 2 => IpProtocol.Icmp, 3 => IpProtocol.Icmpv6, _ => (byte)_random.Next(256) },
            FragmentOffset = _random.Next(10) == 0 ? (ushort)8 : (ushort)0,
        };
    }

    private SecurityRule Rule(int index)
    {
        SecurityRule rule = Plain(index);
        // Every third set of rules has ICMP types, so that rules without them are tested as they are.
        if (seed % 3 != 0 || _random.Next(3) != 0) return rule;
        // A reader refuses types with any protocol; matchers must agree on that too.
        RuleProtocol protocol = _random.Next(5) switch { 0 => RuleProtocol.Any, 1 or 2 => RuleProtocol.Of(IpProtocol.Icmp), _ => RuleProtocol.Of(IpProtocol.Icmpv6) };
        return rule with { Protocol = protocol, IcmpTypes = IcmpTypes(), SourcePorts = [PortRange.Any], DestinationPorts = [PortRange.Any] };
    }

    private IcmpTypeRange[] IcmpTypes() => [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ =>
    {
        // Now and then everything, which is as good as not to ask.
        if (_random.Next(12) == 0) return new IcmpTypeRange(0, ushort.MaxValue);
        int first = _random.Next(65536) & (_random.Next(2) == 0 ? 0xFF00 : 0xFFFF);
        int last = _random.Next(3) switch { 0 => first, 1 => first | 0xFF, _ => Math.Min(65535, first + _random.Next(65536)) };
        _icmpTypes.AddRange([(ushort)first, (ushort)last, (ushort)(first - 1), (ushort)(last + 1)]);
        return new IcmpTypeRange((ushort)first, (ushort)last);
    })];

    private SecurityRule Plain(int index) => new()
    {
        Name = $"r{index}",
        Protocol = _random.Next(3) switch { 0 => RuleProtocol.Any, 1 => RuleProtocol.Of(IpProtocol.Tcp), _ => RuleProtocol.Of((byte)_random.Next(256)) },
        Source = AddressSelector.Any,
        Destination = AddressSelector.Any,
        SourcePorts = _random.Next(3) == 0 ? Ports() : [PortRange.Any],
        DestinationPorts = _random.Next(3) == 0 ? [PortRange.Any] : Ports(),
        Access = (Access)_random.Next(2),
        Priority = 100 + index,
        Direction = RuleDirection.Inbound,
    };

    private AddressSet Side(AddressSet[] shared) => _random.Next(5) switch
    {
        0 => AddressSet.All,
        1 => shared[_random.Next(shared.Length)],
        2 => AddressSet.From([Prefix()]).Complement(),
        _ => Addresses(_random.Next(1, 4)),
    };

    private AddressSet Addresses(int count) => AddressSet.From([.. Enumerable.Range(0, count).Select(_ => Prefix())]);

    private IpPrefix Prefix()
    {
        IpPrefix prefix = _random.Next(3) == 0
            // Few distinct bits, so that prefixes nest and meet.
            ? IpPrefix.Create(new IpAddress(0x2001_0db8_0000_0000 + ((ulong)_random.Next(4) << _random.Next(32)), (ulong)_random.Next(8) << _random.Next(64)), _random.Next(129))
            : IpPrefix.Create(IpAddress.FromIPv4(0x0A000000 + ((uint)_random.Next(16) << _random.Next(28))), _random.Next(33));
        foreach (UInt128 edge in new[] { prefix.First.Bits, prefix.Last.Bits, prefix.First.Bits - 1, prefix.Last.Bits + 1 })
        {
            _addresses.Add(prefix.IsIPv4 ? IpAddress.FromIPv4((uint)edge) : IpAddress.FromBits(edge));
        }

        return prefix;
    }

    private PortRange[] Ports() => [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ =>
    {
        ushort first = (ushort)_random.Next(65536);
        ushort last = (ushort)Math.Min(65535, first + (_random.Next(2) == 0 ? 0 : _random.Next(65536)));
        _ports.AddRange([first, last, (ushort)(first - 1), (ushort)(last + 1)]);
        return new PortRange(first, last);
    })];

    private IpAddress Address()
    {
        IpAddress address = _addresses.Count == 0 || _random.Next(20) == 0 ? IpAddress.FromIPv4((uint)_random.NextInt64(1L << 32)) : _addresses[_random.Next(_addresses.Count)];
        return address;
    }

    private ushort Port() => _random.Next(10) == 0 ? (ushort)_random.Next(65536) : _ports[_random.Next(_ports.Count)];
}
