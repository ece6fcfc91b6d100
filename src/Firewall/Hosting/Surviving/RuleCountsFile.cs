using System.Text.Json;
using Firewall.Admin;

namespace Firewall.Hosting.Surviving;

/// <summary>
/// What each rule has counted, as a file beside the flow table's that lives as long. It is replaced as a whole. One that is lost or damaged
/// costs figures, nothing else.
/// </summary>
internal static class RuleCountsFile
{
    /// <summary>Its path.</summary>
    public static string PathOf(string flows) => flows + ".hits";

    /// <summary>Reads it; empty if there is none that can be read.</summary>
    public static IReadOnlyList<RuleHitStatus> Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return JsonSerializer.Deserialize(file, AdminJson.Default.IReadOnlyListRuleHitStatus) is { } read
                ? [.. read.Where(r => r is { SecurityGroup: not null, Rule: not null, Direction: not null })]
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    /// <summary>Writes it.</summary>
    /// <exception cref="IOException">It cannot be written; the file is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be written.</exception>
    public static void Write(string path, IReadOnlyList<RuleHitStatus> counts)
    {
        string next = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(next, options)) file.Write(JsonSerializer.SerializeToUtf8Bytes(counts, AdminJson.Default.IReadOnlyListRuleHitStatus));
        File.Move(next, path, overwrite: true);
    }
}
