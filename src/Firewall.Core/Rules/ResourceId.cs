namespace Firewall.Core.Rules;

/// <summary>Compares Azure resource ids, which are written in any case, and which hand-written files shorten to a name.</summary>
public static class ResourceId
{
    /// <summary>The name: what follows the last slash.</summary>
    public static string NameOf(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return id[(id.LastIndexOf('/') + 1)..];
    }

    /// <summary>The resource group in an id, or null.</summary>
    public static string? ResourceGroupOf(string? id)
    {
        const string Marker = "/resourceGroups/";
        int start = id?.IndexOf(Marker, StringComparison.OrdinalIgnoreCase) ?? -1;
        if (start < 0) return null;
        string rest = id![(start + Marker.Length)..];
        int end = rest.IndexOf('/', StringComparison.Ordinal);
        return end < 0 ? rest : rest[..end];
    }

    /// <summary>
    /// True if both name the same resource: equal ids, or equal names where one of them is no full id (a bare name, or the id of an
    /// undeployed template, which has no subscription yet).
    /// </summary>
    public static bool AreTheSame(string left, string right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (string.Equals(left, right, StringComparison.OrdinalIgnoreCase)) return true;
        if (IsFull(left) && IsFull(right)) return false;
        return string.Equals(NameOf(left), NameOf(right), StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsFull(string id) => id.StartsWith("/subscriptions/", StringComparison.OrdinalIgnoreCase)
        && !id.StartsWith(TemplatePrefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>What stands for the subscription in ids that a template's <c>resourceId</c> makes.</summary>
    internal const string TemplatePrefix = "/subscriptions/subscription/";
}
