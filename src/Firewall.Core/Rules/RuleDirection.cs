namespace Firewall.Core.Rules;

/// <summary>Azure's <c>direction</c> of a security rule.</summary>
public enum RuleDirection : byte
{
    /// <summary>Judges packets to a protected address.</summary>
    Inbound,

    /// <summary>Judges packets from a protected address.</summary>
    Outbound,
}
