namespace Firewall.JustInTime;

/// <summary>A wish for access.</summary>
/// <param name="VirtualMachine">Id, name or address of the machine.</param>
/// <param name="Port">The port.</param>
/// <param name="Source">An address or prefix, or * for everywhere.</param>
/// <param name="Duration">For how long; null for as long as the policy allows.</param>
/// <param name="Justification">Why; may be empty.</param>
/// <param name="Protocol">Tcp, Udp or *, as the policy has it; null where it has the port once.</param>
internal sealed record JitAsk(string VirtualMachine, ushort Port, string Source, TimeSpan? Duration, string Justification, string? Protocol = null);

/// <summary>A wish that is not granted, and why, in a line for the person who asked.</summary>
internal sealed class JitRefusal(string why) : Exception(why);
