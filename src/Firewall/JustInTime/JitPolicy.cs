using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.JustInTime;

/// <summary>A just-in-time policy: which ports of which machines are closed until somebody asks (Azure's jitNetworkAccessPolicies).</summary>
/// <param name="Name">Azure's default is "default".</param>
/// <param name="VirtualMachines">The machines.</param>
internal sealed record JitPolicy(string Name, IReadOnlyList<JitMachine> VirtualMachines);

/// <summary>A machine of a policy.</summary>
/// <param name="Id">Azure's resource id, or a name, or the address itself.</param>
/// <param name="Address">Its private address.</param>
/// <param name="Ports">The ports that can be asked for.</param>
/// <param name="TerminateOnExpiry">True: connections that a request opened end with it. Our extension; in Azure they go on.</param>
internal sealed record JitMachine(string Id, IpAddress Address, IReadOnlyList<JitPort> Ports, bool TerminateOnExpiry)
{
    /// <summary>The last word of the id.</summary>
    public string Name => Id[(Id.LastIndexOf('/') + 1)..];

    /// <summary>True if a person who writes this word means this machine.</summary>
    public bool IsCalled(string word) =>
        word.Equals(Id, StringComparison.OrdinalIgnoreCase) || word.Equals(Name, StringComparison.OrdinalIgnoreCase)
        || (IpAddress.TryParse(word, out IpAddress address) && address == Address);
}

/// <summary>A port of a machine.</summary>
/// <param name="Number">0–65535.</param>
/// <param name="Protocol">TCP, UDP or any.</param>
/// <param name="Sources">From where it may be asked for; empty means everywhere.</param>
/// <param name="MaxDuration">For how long at most; 5 minutes to 24 hours.</param>
internal sealed record JitPort(ushort Number, RuleProtocol Protocol, IReadOnlyList<IpPrefix> Sources, TimeSpan MaxDuration)
{
    /// <summary>Number and protocol, such as "53/Udp".</summary>
    public string Name => $"{Number}/{Protocol}";

    /// <summary>True if a request for that source is allowed; null is everywhere.</summary>
    public bool Allows(IpPrefix? source) => Sources.Count == 0 || (source is { } prefix && Sources.Any(allowed => allowed.Contains(prefix)));
}
