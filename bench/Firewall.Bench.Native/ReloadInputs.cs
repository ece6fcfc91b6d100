using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>The bytes of a rules file, edited by one rule each time, and of a service tag file, and what is made of them.</summary>
internal sealed record ReloadInputs(IReadOnlyList<byte[]> Rules, byte[] Tags)
{
    public static ReloadInputs Make(int reloads)
    {
        RulePolicy rules = new(1000);
        return new ReloadInputs([.. Enumerable.Range(0, reloads).Select(rules.Json)], rules.TagFile);
    }

    /// <summary>Reads the service tag file.</summary>
    public ServiceTags ReadTags() => ServiceTags.Read(Tags, "tags.json", out _);

    /// <summary>Reads the rules as they are at that version and compiles them with tags that are known already.</summary>
    public Policy Build(RuleCatalog catalog, uint version, ServiceTags tags, Policy? before = null)
    {
        RuleFile file = NsgReader.Read(Rules[(int)version], "rules.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions { ServiceTags = tags }, catalog, version, before).Policy
            ?? throw new InvalidOperationException("The rules of the benchmark are wrong.");
    }
}
