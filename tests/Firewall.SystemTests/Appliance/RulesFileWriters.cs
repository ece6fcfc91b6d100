namespace Firewall.SystemTests.Appliance;

/// <summary>The ways in which people and programs change a file.</summary>
internal static class RulesFileWriters
{
    /// <summary>Into the file itself: for a moment it is empty, or half of it is there.</summary>
    public static void InPlace(Lab lab, string rules) => File.WriteAllText(lab.Rules, rules);

    /// <summary>A new file that takes the old one's name, as most editors do.</summary>
    public static void RenameOver(Lab lab, string rules) => lab.WriteRules(rules);

    /// <summary>
    /// As Kubernetes changes a ConfigMap: rules.json is a link into the folder ..data, which is a link to a folder with a new name, and
    /// only that link changes.
    /// </summary>
    public static void SymbolicLinks(Lab lab, string rules)
    {
        string version = $"..{Guid.NewGuid():N}";
        Directory.CreateDirectory(lab.Files[version]);
        File.WriteAllText(Path.Combine(lab.Files[version], "rules.json"), rules);
        Relink(lab.Files["..data"], version);
        if (new FileInfo(lab.Rules).LinkTarget is null) Relink(lab.Rules, Path.Combine("..data", "rules.json"));
    }

    private static void Relink(string link, string target)
    {
        File.CreateSymbolicLink(link + ".new", target);
        // rename(2) replaces the link itself, whatever it points at; File.Move would look through it.
        Linux.Shell.Run("mv", "-T", link + ".new", link);
    }
}
