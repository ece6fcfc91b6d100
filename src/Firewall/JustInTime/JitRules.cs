using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.JustInTime;

/// <summary>
/// The rules of just-in-time access, named and placed as Azure's: each port of a policy is closed by a rule at the end of the range of
/// priorities, and opened by one in front for each request. They go into the compiled policy, never into the user's file.
/// </summary>
internal static class JitRules
{
    private const int FirstPriority = 100;
    private const int LastPriority = 4096;
    private const string Pattern = "MicrosoftDefenderForCloud-JITRule";

    /// <summary>The groups of a policy with these rules added; those that no machine is under stay as they are.</summary>
    /// <param name="plain">The policy of the user's rules alone.</param>
    /// <param name="policies">What is closed.</param>
    /// <param name="active">What is open, the oldest first.</param>
    public static IReadOnlyList<NetworkSecurityGroup> Add(Policy plain, IReadOnlyList<JitPolicy> policies, IEnumerable<JitRequest> active)
    {
        var additions = new Dictionary<NetworkSecurityGroup, Addition>(ReferenceEqualityComparer.Instance);
        IEnumerable<Addition> Additions(IpAddress address) => plain.GroupsOf(address).Select(group =>
        {
            if (!additions.TryGetValue(group, out Addition? addition)) additions[group] = addition = new Addition(group);
            return addition;
        });
        foreach (JitRequest request in active)
        {
            if (!IpAddress.TryParse(request.Address, out IpAddress address)) continue;
            foreach (Addition addition in Additions(address))
            {
                if (addition.Take(request.Slot) is { } priority) addition.Rules.Add(Opening(request, address, priority));
            }
        }

        foreach (JitPolicy policy in policies)
        {
            foreach ((JitMachine machine, JitPort port) in policy.VirtualMachines.SelectMany(machine => machine.Ports.Select(port => (machine, port))))
            {
                foreach (Addition addition in Additions(machine.Address))
                {
                    if (addition.TakeLast() is { } priority) addition.Rules.Add(Closing(policy, machine, port, priority));
                }
            }
        }

        return [.. plain.Groups.Select(group => additions.TryGetValue(group, out Addition? addition)
            ? group with { SecurityRules = [.. group.SecurityRules, .. addition.Rules] }
            : group)];
    }

    /// <summary>The name of the rule that a request opens a port with.</summary>
    public static string NameOf(JitRequest request) => Name('-', request.Id.ToString("N").ToUpperInvariant());

    private static SecurityRule Opening(JitRequest request, IpAddress address, int priority) => new()
    {
        Name = NameOf(request),
        Description = Cut($"MDC JIT Network Access rule created by an initiation request for policy '{request.Policy}' of VM '{request.MachineName}'."),
        Protocol = RuleProtocol.TryParse(request.Protocol, out RuleProtocol protocol) ? protocol : RuleProtocol.Any,
        Source = request.SourcePrefix is { } source ? AddressSelector.OfPrefixes([source]) : AddressSelector.Any,
        SourcePorts = [PortRange.Any],
        Destination = Host(address),
        DestinationPorts = [new PortRange(request.Port, request.Port)],
        Access = Access.Allow,
        Priority = priority,
        Direction = RuleDirection.Inbound,
    };

    private static SecurityRule Closing(JitPolicy policy, JitMachine machine, JitPort port, int priority) => new()
    {
        Name = Name('_', Convert.ToHexString(XxHash128.Hash(Encoding.UTF8.GetBytes($"{policy.Name}\0{machine.Id}\0{port.Number}\0{port.Protocol}")))),
        Description = Cut($"MDC JIT Network Access rule for policy '{policy.Name}' of VM '{machine.Name}'."),
        Protocol = port.Protocol,
        Source = AddressSelector.Any,
        SourcePorts = [PortRange.Any],
        Destination = Host(machine.Address),
        DestinationPorts = [new PortRange(port.Number, port.Number)],
        Access = Access.Deny,
        Priority = priority,
        Direction = RuleDirection.Inbound,
    };

    private static AddressSelector Host(IpAddress address) => AddressSelector.OfPrefixes([IpPrefix.Create(address, address.IsIPv4 ? 32 : 128)]);

    // Azure's pattern has a signed 32-bit number of unknown meaning before the 32 hexadecimal digits.
    private static string Name(char mark, string digits)
    {
        int number = BinaryPrimitives.ReadInt32BigEndian(XxHash32.Hash(Encoding.ASCII.GetBytes(digits)));
        return string.Create(CultureInfo.InvariantCulture, $"{Pattern}{mark}{number}{mark}{digits}");
    }

    // Azure's limit of a description.
    private static string Cut(string text) => text.Length <= 140 ? text : text[..140];

    // What is added to a group, and which priorities are free there.
    private sealed class Addition(NetworkSecurityGroup group)
    {
        private readonly HashSet<int> _byUser = PrioritiesOf(group);
        private readonly HashSet<int> _taken = PrioritiesOf(group);
        private int _last = LastPriority;

        public List<SecurityRule> Rules { get; } = [];

        /// <summary>A free priority from the front: the same for the same slot, as long as the user's rules are the same.</summary>
        public int? Take(int slot)
        {
            int priority = FirstPriority;
            for (int free = 0; priority <= LastPriority; priority++)
            {
                if (_byUser.Contains(priority)) continue;
                if (free++ == slot) break;
            }

            return priority <= LastPriority && _taken.Add(priority) ? priority : null;
        }

        public int? TakeLast()
        {
            while (_last >= FirstPriority && _taken.Contains(_last)) _last--;
            return _last >= FirstPriority ? _last-- : null;
        }

        private static HashSet<int> PrioritiesOf(NetworkSecurityGroup group) =>
            [.. group.SecurityRules.Where(rule => rule.Direction == RuleDirection.Inbound).Select(rule => rule.Priority)];
    }
}
