using System.CommandLine;
using Firewall.Core.Packets;

namespace Firewall.Commands.Rules;

/// <summary>The options that all tools for rules share, and what they load with them.</summary>
internal sealed class RuleSetOptions
{
    private readonly Option<IpPrefix[]> _network = Options.VirtualNetwork();
    private readonly Option<string?> _serviceTags = Options.ServiceTags();

    /// <summary>An argument that names a rules file or a folder of them.</summary>
    public static Argument<string> File(string name, string what) => new(name)
    {
        Description = $"{what}: a file in any of Azure's shapes, or a folder of such files",
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_network);
        command.Options.Add(_serviceTags);
    }

    /// <summary>True if the command line has one of them, for commands that can also do without rules.</summary>
    public bool AreGiven(ParseResult parsed) => NetworkOf(parsed) is not null || ServiceTagsOf(parsed) is not null;

    /// <summary><c>--vnet</c>, or null if it was not given.</summary>
    public IReadOnlyList<IpPrefix>? NetworkOf(ParseResult parsed) => parsed.GetValue(_network) is { Length: > 0 } prefixes ? prefixes : null;

    /// <summary><c>--service-tags</c>, or null if it was not given.</summary>
    public string? ServiceTagsOf(ParseResult parsed) => parsed.GetValue(_serviceTags);

    /// <summary>Reads and compiles the rules of a file or folder.</summary>
    /// <exception cref="Control.InvalidInputException">A file cannot be read at all; what is wrong in it is in the findings.</exception>
    public RuleSet Load(ParseResult parsed, string rules, bool isForUse = true) => RuleSet.Load(rules, ServiceTagsOf(parsed), NetworkOf(parsed), isForUse);
}
