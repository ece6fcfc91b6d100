using System.Text.RegularExpressions;
using Xunit;

namespace Firewall.Tests.Tidy;

/// <summary>Holds docs/CONNTRACK-SCENARIOS.md against the packet traces that it names.</summary>
public sealed partial class ConntrackScenariosTests
{
    private const string Page = "docs/CONNTRACK-SCENARIOS.md";

    [Fact]
    public void Every_test_on_the_page_exists_and_names_its_case()
    {
        List<(string Case, string ToldBy)> rows = [.. Row().Matches(Read(Page)).Select(static row => (row.Groups[1].Value, row.Groups[2].Value))];
        Assert.True(rows.Count > 80, $"{Page} has {rows.Count} rows");
        Assert.Equal(rows.Count, rows.Select(static row => row.Case).Distinct(StringComparer.Ordinal).Count());
        var members = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach ((string name, string toldBy) in rows)
        {
            if (toldBy.StartsWith("none: ", StringComparison.Ordinal)) continue;
            MatchCollection tests = Test().Matches(toldBy);
            Assert.True(tests.Count > 0, $"{Page}: {name} is told by \"{toldBy}\", which is neither a test nor \"none: \" with a reason");
            foreach (Match test in tests)
            {
                string file = $"tests/Firewall.Tests/Engine/{test.Groups[1].Value}.cs";
                if (!members.TryGetValue(file, out string[]? all)) members.Add(file, all = Member().Split(Read(file)));
                string? body = Array.Find(all, member => member.Contains($"public void {test.Groups[2].Value}(", StringComparison.Ordinal));
                Assert.True(body is not null, $"{Page}: there is no {test.Value}");
                string comments = string.Concat(Comment().Matches(body).Select(static comment => comment.Value + "\n"));
                bool isNamed = Regex.IsMatch(comments, $@"(?<![\w-]){Regex.Escape(name)}(?=[,;.:]|\s\(|$)", RegexOptions.Multiline);
                Assert.True(isNamed, $"{Page}: {test.Value} does not name {name}");
            }
        }
    }

    private static string Read(string relative) => SourceTree.Read(relative).ReplaceLineEndings("\n");

    [GeneratedRegex(@"^\| `([^`]+)` \| (.+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"`(\w+)\.(\w+)`")]
    private static partial Regex Test();

    // Members stand behind an empty line, four spaces in; what is within them stands further in.
    [GeneratedRegex(@"\n\n(?=    \S)")]
    private static partial Regex Member();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();
}
