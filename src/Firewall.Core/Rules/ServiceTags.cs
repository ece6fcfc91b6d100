using System.Collections.Concurrent;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;
using Firewall.Core.Rules.Reading;

namespace Firewall.Core.Rules;

/// <summary>
/// The service tags of Azure's weekly file (<c>ServiceTags_Public_YYYYMMDD.json</c>, download 56519), or of
/// <c>az network list-service-tags</c>, which has the same shape. Tag names are compared without case; a regional form such as
/// <c>Storage.WestEurope</c> is a tag of its own. Immutable; any thread may ask.
/// </summary>
public sealed class ServiceTags
{
    private readonly Dictionary<string, IpPrefix[]> _tags;
    // Policies are compiled again and again from the same file.
    private readonly ConcurrentDictionary<string, AddressSet> _addresses = new(StringComparer.OrdinalIgnoreCase);

    internal ServiceTags(Dictionary<string, IpPrefix[]> tags, string changeNumber)
    {
        _tags = tags;
        ChangeNumber = changeNumber;
    }

    /// <summary>No tag at all.</summary>
    public static ServiceTags Empty { get; } = new(new Dictionary<string, IpPrefix[]>(StringComparer.OrdinalIgnoreCase), "");

    /// <summary>How many tags.</summary>
    public int Count => _tags.Count;

    /// <summary>The file's version as Azure counts it; empty if the file has none.</summary>
    public string ChangeNumber { get; }

    /// <summary>The tags' names as written in the file.</summary>
    public IReadOnlyCollection<string> Names => _tags.Keys;

    /// <summary>
    /// Reads a tag file. Never throws on bad input: what is wrong is in <paramref name="findings"/>, and with an error among them
    /// the result is <see cref="Empty"/>.
    /// </summary>
    /// <param name="utf8">The file's bytes; not kept.</param>
    /// <param name="file">The file's name, for findings.</param>
    /// <param name="findings">What is wrong, in the order of the file.</param>
    public static ServiceTags Read(ReadOnlyMemory<byte> utf8, string file, out IReadOnlyList<RuleFinding> findings)
    {
        ArgumentNullException.ThrowIfNull(file);
        List<RuleFinding> found = [];
        ServiceTags tags = ServiceTagsParser.Read(utf8, file, found);
        findings = found;
        return found.Exists(finding => finding.IsError) ? Empty : tags;
    }

    /// <summary>The prefixes of a tag, if there is such a tag.</summary>
    public bool TryGet(string tag, out IReadOnlyList<IpPrefix> prefixes)
    {
        bool found = _tags.TryGetValue(tag, out IpPrefix[]? known);
        prefixes = known ?? [];
        return found;
    }

    /// <summary>The addresses of a tag, or null if there is no such tag; worked out once.</summary>
    internal AddressSet? AddressesOf(string tag) =>
        _tags.TryGetValue(tag, out IpPrefix[]? prefixes) ? _addresses.GetOrAdd(tag, static (_, all) => AddressSet.From(all), prefixes) : null;
}
