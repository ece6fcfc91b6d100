namespace Firewall.Core.Rules.Reading;

/// <summary>Azure's rules for names of groups and rules.</summary>
internal static class ResourceName
{
    /// <summary>
    /// 1–80 characters; starts with a letter or digit, ends with one or with <c>_</c>, and has letters, digits, <c>.</c>, <c>-</c>
    /// and <c>_</c> between ("Naming rules and restrictions for Azure resources").
    /// </summary>
    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty || name.Length > NsgLimits.MaxNameLength) return false;
        if (!char.IsAsciiLetterOrDigit(name[0])) return false;
        if (!char.IsAsciiLetterOrDigit(name[^1]) && name[^1] != '_') return false;
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '-' or '_')) return false;
        }

        return true;
    }

    /// <summary>The name in a resource id: what follows the last slash.</summary>
    public static string Last(string id) => id[(id.TrimEnd('/').LastIndexOf('/') + 1)..].TrimEnd('/');

    /// <summary>The id of the group that a rule's id belongs to, or null.</summary>
    public static string? GroupOf(string ruleId)
    {
        int rules = ruleId.IndexOf("/securityRules/", StringComparison.OrdinalIgnoreCase);
        if (rules < 0) rules = ruleId.IndexOf("/defaultSecurityRules/", StringComparison.OrdinalIgnoreCase);
        return rules > 0 ? ruleId[..rules] : null;
    }

    public static RuleFinding Invalid(RuleOrigin origin, string name) => origin.Error(
        FindingCodes.InvalidName,
        $"Resource name {name} is invalid. The name can be up to {NsgLimits.MaxNameLength} characters long. It must begin with a letter or digit, and it must end with a letter, a digit or with '_'. The name may contain letters, digits or '.', '-', '_'.",
        "Rename it.");
}
