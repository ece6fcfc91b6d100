namespace Firewall.Core.Rules;

/// <summary>Azure's <c>access</c>: what a rule, and in the end the firewall, says to a packet.</summary>
public enum Access : byte
{
    /// <summary>Dropped (or rejected, where rejecting is on). The default, so that whatever is forgotten stays closed.</summary>
    Deny,

    /// <summary>Passed on.</summary>
    Allow,
}
