namespace Firewall.Core.Rules;

/// <summary>How a packet lies to the virtual network that the policy protects.</summary>
public enum TrafficDirection : byte
{
    /// <summary>Not known: the addresses could not be read.</summary>
    Unknown,

    /// <summary>From outside to inside: the inbound chain of the destination decides.</summary>
    Inbound,

    /// <summary>From inside to outside: the outbound chain of the source decides.</summary>
    Outbound,

    /// <summary>Both ends inside: the outbound chain of the source, then the inbound chain of the destination; both must allow.</summary>
    Intra,

    /// <summary>Neither end inside: no security group applies.</summary>
    Transit,
}
