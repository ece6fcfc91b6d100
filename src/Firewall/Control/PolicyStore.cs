using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>The policy in force: one reference that reloads replace and workers read once per batch.</summary>
internal sealed class PolicyStore
{
    private volatile Policy _current;

    /// <summary>Denies everything until the first policy is set.</summary>
    public PolicyStore() => _current = Policy.DenyAll(Catalog);

    /// <summary>The numbers of all rules that were ever in force.</summary>
    public RuleCatalog Catalog { get; } = new();

    /// <summary>The policy in force.</summary>
    public Policy Current
    {
        get => _current;
        set => _current = value;
    }
}
