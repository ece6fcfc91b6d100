using Firewall.Core.Packets;

namespace Firewall.Commands.Replay;

/// <summary>What <c>replay</c> was asked for. Paths are as they were written; "-" is standard input or output.</summary>
internal sealed record ReplayRequest(
    string Capture,
    string Rules,
    string? ServiceTags,
    IReadOnlyList<IpPrefix>? VirtualNetwork,
    string? Verdicts,
    string? Allowed,
    string? Denied,
    OutputFormat Format)
{
    /// <summary>Stands for standard input and output.</summary>
    public const string Standard = "-";

    /// <summary>What cannot work, before anything is opened: an output that would overwrite an input or another output.</summary>
    public IReadOnlyList<string> Problems()
    {
        List<string> problems = [];
        var used = new Dictionary<string, string>(FileIdentity.Comparer);
        foreach ((string name, string? path) in Inputs()) Use(name, path, used);
        foreach ((string name, string? path) in Outputs())
        {
            if (path is null) continue;
            if (path == Standard)
            {
                if (name != "--verdicts") problems.Add($"{name} cannot be standard output; only --verdicts can");
            }
            else if (!Use(name, path, used))
            {
                problems.Add($"{name} {path} would overwrite {used[FileIdentity.Of(path)]}");
            }
        }

        return problems;
    }

    private (string Name, string? Path)[] Inputs() =>
        [("the capture", Capture == Standard ? null : Capture), ("the rules", Rules), ("the service tags", ServiceTags)];

    private (string Name, string? Path)[] Outputs() => [("--verdicts", Verdicts), ("--allowed", Allowed), ("--denied", Denied)];

    private static bool Use(string name, string? path, Dictionary<string, string> used) => path is null || used.TryAdd(FileIdentity.Of(path), name);
}
