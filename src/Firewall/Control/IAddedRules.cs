using Firewall.Control.Configuration;
using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>Rules that belong to the policy and stand in no file of the user.</summary>
internal interface IAddedRules
{
    /// <summary>The files that they come from.</summary>
    IReadOnlyList<string> FilesOf(FirewallOptions options);

    /// <summary>Reads these files anew. It must not wait for anybody who has rules compiled: the caller holds the lock that they wait for.</summary>
    /// <exception cref="InvalidInputException">One cannot be used; what was in force stays.</exception>
    void Load(FirewallOptions options);

    /// <summary>Another text whenever other rules would be added.</summary>
    string Signature { get; }

    /// <summary>The groups with the rules added; the policy's own groups if there is nothing to add.</summary>
    /// <param name="plain">The policy of the files alone.</param>
    IReadOnlyList<NetworkSecurityGroup> AddTo(Policy plain);
}
