using System.Text.Json;
using System.Text.RegularExpressions;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;
using Firewall.Tests.Tidy;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>What the README shows of the tools for rules, and the samples beside them, are true.</summary>
public sealed partial class RulesDocsTests
{
    /// <summary>Stands for any lines of output that a page leaves out.</summary>
    private const string LeftOut = "...";

    private const string EchoExitCode = "; echo $?";

    public static TheoryData<string> Commands()
    {
        TheoryData<string> commands = [];
        foreach ((string command, _) in Examples()) commands.Add(command);
        return commands;
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_command_of_the_page_prints_what_the_page_says(string command)
    {
        string[] expected = Examples().First(example => example.Command == command).Output;
        bool showsExitCode = command.EndsWith(EchoExitCode, StringComparison.Ordinal);
        string line = showsExitCode ? command[..^EchoExitCode.Length] : command;
        string[] args = [.. line.Split(' ').Skip(1).Select(word => word.StartsWith("docs/", StringComparison.Ordinal) ? Path.Combine(SourceTree.Root, word.Replace('/', Path.DirectorySeparatorChar)) : word)];
        CommandRunner run = CommandRunner.Run(args);
        List<string> printed = [.. run.Portable().Split('\n')[..^1].Select(text => text.TrimEnd())];
        if (showsExitCode) printed.Add($"{run.ExitCode}");
        int leftOut = Array.IndexOf(expected, LeftOut);
        if (leftOut >= 0)
        {
            Assert.Equal(expected[(leftOut + 1)..], printed[^(expected.Length - leftOut - 1)..]);
            (printed, expected) = (printed[..leftOut], expected[..leftOut]);
        }

        Assert.Equal(expected, printed);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void The_page_has_an_example_of_every_tool() => Assert.Equal(
        ["diff", "lint", "show", "test", "validate"],
        Examples().Select(example => example.Command.Split(' ')).Where(words => words[1] == "rules").Select(words => words[2]).Distinct().Order());

    [Fact]
    public void The_cases_on_the_page_are_those_of_the_sample()
    {
        string yaml = CodeBlock().Matches(Page()).First(block => block.Groups[1].Value == "yaml").Groups[2].Value;
        Assert.StartsWith(yaml, File.ReadAllText(RulesSamples.Cases), StringComparison.Ordinal);
    }

    [Fact]
    public void The_samples_name_the_schema_that_is_published_beside_them()
    {
        foreach (string sample in (string[])[RulesSamples.Good, RulesSamples.Proposed, RulesSamples.Broken])
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllText(sample));
            string schema = json.RootElement.GetProperty("$schema").GetString()!;
            Assert.True(File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(sample)!, schema)).AsSpan().SequenceEqual(RuleSchema.ToUtf8()), $"{sample}: {schema}");
        }

        string named = SchemaComment().Match(File.ReadAllText(RulesSamples.Cases)).Groups[1].Value;
        Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(RulesSamples.Cases)!, named)), named);
    }

    [Fact]
    public void The_schema_of_cases_has_the_properties_that_the_reader_takes()
    {
        using JsonDocument schema = JsonDocument.Parse(SourceTree.Read("docs/schema/rule-cases.schema.json"), new JsonDocumentOptions { AllowDuplicateProperties = false });
        JsonElement definitions = schema.RootElement.GetProperty("$defs");
        Assert.Equal(Known("""{"cases":[],"x":1}"""), Names("file"));
        Assert.Equal(Known("""{"cases":[{"x":1}]}"""), Names("case"));

        string[] Names(string definition) =>
            [.. definitions.GetProperty(definition).GetProperty("properties").EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal)];

        // The error about an unknown property lists the known ones.
        static string[] Known(string json)
        {
            using var folder = new TempFolder();
            CommandRunner run = CommandRunner.Run("rules", "test", folder.Write("cases.json", json), "--rules", RulesSamples.Good);
            string text = run.ErrorLines.First(line => line.Contains("Known are ", StringComparison.Ordinal));
            text = text[(text.IndexOf("Known are ", StringComparison.Ordinal) + "Known are ".Length)..];
            return [.. text.Split([", ", " and "], StringSplitOptions.None).Select(name => name.TrimEnd('.')).Order(StringComparer.Ordinal)];
        }
    }

    [Fact]
    public void Every_kind_of_finding_is_documented()
    {
        string page = SourceTree.Read("docs/rules/JSON.md");
        foreach (string kind in Enum.GetNames<LintKind>()) Assert.Contains($"`{kind}`", page, StringComparison.Ordinal);
    }

    private static string Page() => SourceTree.Read("README.md").ReplaceLineEndings("\n");

    private static IEnumerable<(string Command, string[] Output)> Examples()
    {
        foreach (Match block in CodeBlock().Matches(Page()).Where(block => block.Groups[1].Value == "console"))
        {
            foreach (string example in block.Groups[2].Value.Split("$ firewall ", StringSplitOptions.RemoveEmptyEntries))
            {
                string[] lines = ("firewall " + example).TrimEnd('\n').Split('\n');
                yield return (lines[0], lines[1..]);
            }
        }
    }

    [GeneratedRegex("^```(\\w+)\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"^# yaml-language-server: \$schema=(\S+)", RegexOptions.Multiline)]
    private static partial Regex SchemaComment();
}
