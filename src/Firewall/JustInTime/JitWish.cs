using Firewall.Core.Packets;

namespace Firewall.JustInTime;

/// <summary>A wish that a policy allows: what is to be opened, to whom, for how long.</summary>
/// <param name="Policy">The policy that allows it.</param>
/// <param name="Machine">The machine.</param>
/// <param name="Port">Its port.</param>
/// <param name="Duration">For how long.</param>
/// <param name="Source">Who may come in; null for everybody.</param>
internal sealed record JitWish(JitPolicy Policy, JitMachine Machine, JitPort Port, TimeSpan Duration, IpPrefix? Source)
{
    /// <summary>Finds what is wished in the policies, and holds it against them.</summary>
    /// <exception cref="JitRefusal">No policy allows it.</exception>
    public static JitWish Of(JitAsk ask, IReadOnlyList<JitPolicy> policies)
    {
        (JitPolicy policy, JitMachine machine, JitPort port) = Find(ask, policies);
        TimeSpan duration = ask.Duration ?? port.MaxDuration;
        if (duration <= TimeSpan.Zero) throw new JitRefusal("the time that is asked for is over already");
        if (duration > port.MaxDuration) throw new JitRefusal($"policy {policy.Name} allows at most {port.MaxDuration:g} for port {port.Name} of {machine.Name}, not {duration:g}");
        IpPrefix? source = SourceOf(ask.Source);
        if (!port.Allows(source))
            throw new JitRefusal($"policy {policy.Name} allows port {port.Name} of {machine.Name} only from {string.Join(", ", port.Sources)}, not from {ask.Source}");
        return new JitWish(policy, machine, port, duration, source);
    }

    /// <summary>Of a wish that is refused: the policy that it would have been done to.</summary>
    public static string PolicyNameOf(JitAsk ask, IReadOnlyList<JitPolicy> policies) =>
        policies.FirstOrDefault(policy => policy.VirtualMachines.Any(machine => machine.IsCalled(ask.VirtualMachine)))?.Name
            ?? (policies.Count > 0 ? policies[0].Name : "default");

    /// <summary>The request that it becomes when it is granted.</summary>
    /// <param name="requestor">Who asked.</param>
    /// <param name="justification">Why.</param>
    /// <param name="now">When it begins.</param>
    public JitRequest Granted(string requestor, string justification, DateTimeOffset now) =>
        new(Guid.NewGuid(), Policy.Name, Machine.Id, Machine.Address.ToString(), Port.Number, Port.Protocol.ToString(), Source?.ToString() ?? "*", now, now + Duration, requestor, justification)
        {
            TerminateOnExpiry = Machine.TerminateOnExpiry,
        };

    private static (JitPolicy Policy, JitMachine Machine, JitPort Port) Find(JitAsk ask, IReadOnlyList<JitPolicy> policies)
    {
        if (policies.Count == 0) throw new JitRefusal("there is no just-in-time policy; Firewall:JustInTime:Policies names the file with them");
        var machines = policies.SelectMany(policy => policy.VirtualMachines.Select(machine => (policy, machine))).ToList();
        (JitPolicy policy, JitMachine machine) = machines.Find(candidate => candidate.machine.IsCalled(ask.VirtualMachine));
        if (machine is null)
            throw new JitRefusal($"no just-in-time policy has a virtual machine '{ask.VirtualMachine}'; there are: {string.Join(", ", machines.Select(m => m.machine.Name))}");
        List<JitPort> ports = [.. machine.Ports.Where(candidate => candidate.Number == ask.Port
            && (ask.Protocol is null || string.Equals(candidate.Protocol.ToString(), ask.Protocol, StringComparison.OrdinalIgnoreCase)))];
        return ports.Count switch
        {
            0 => throw new JitRefusal($"policy {policy.Name} does not allow to ask for port {ask.Port}{(ask.Protocol is null ? "" : "/" + ask.Protocol)} of {machine.Name}; it has: {string.Join(", ", machine.Ports.Select(p => p.Name))}"),
            1 => (policy, machine, ports[0]),
            _ => throw new JitRefusal($"policy {policy.Name} has port {ask.Port} of {machine.Name} more than once ({string.Join(", ", ports.Select(p => p.Name))}); say the protocol too"),
        };
    }

    private static IpPrefix? SourceOf(string text)
    {
        if (text == "*") return null;
        if (!IpPrefix.TryParse(text, out IpPrefix prefix, out bool hasHostBits)) throw new JitRefusal($"the source '{text}' is no address, no prefix and not *");
        return hasHostBits ? throw new JitRefusal($"the source '{text}' has host bits set; the prefix is {prefix}, one address is without its length") : prefix;
    }
}
