using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>A service tag file as it was read, and what it says, which is found out once and when somebody asks.</summary>
internal sealed class ServiceTagFile
{
    private readonly Lazy<(ServiceTags Tags, IReadOnlyList<RuleFinding> Findings)> _parsed;

    public ServiceTagFile(string name, byte[] bytes)
    {
        Name = name;
        Bytes = bytes;
        _parsed = new(() => (ServiceTags.Read(bytes, name, out IReadOnlyList<RuleFinding> findings), findings));
    }

    /// <summary>Its path.</summary>
    public string Name { get; }

    /// <summary>Its content. Not to be written to.</summary>
    public byte[] Bytes { get; }

    /// <summary>The tags; none if the file has errors.</summary>
    public ServiceTags Tags => _parsed.Value.Tags;

    /// <summary>What is wrong with it.</summary>
    public IReadOnlyList<RuleFinding> Findings => _parsed.Value.Findings;
}
