using System.CommandLine;
using System.Text.Json;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Cases;
using Firewall.Hosting;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules test</c>: unit tests for rules. Expectations from a file, results as TAP and JUnit XML.</summary>
internal static class RulesTestCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> cases = new("CASES") { Description = "Expectations, in YAML or JSON: each a flow, the access and perhaps the rule that it should get" };
        Option<string> rules = Options.Rules();
        rules.Required = false;
        rules.Description += "; overrides the rules that CASES names";
        RuleSetOptions common = new();
        Option<string?> junit = new("--junit") { Description = "Also write the results as JUnit XML", HelpName = "FILE" };
        Option<OutputFormat> format = Options.Format();
        format.Description = "How to print the results: text is TAP version 14 [default: text]";
        var command = new Command(
            "test", $"Run expectations against rules. {RulesExitCode.Describe("all cases pass", "a case fails")}") { cases, rules };
        common.AddTo(command);
        command.Options.Add(junit);
        command.Options.Add(format);
        command.SetAction(parsed => Run(
            new TestRequest(
                parsed.GetRequiredValue(cases), parsed.GetValue(rules), common.ServiceTagsOf(parsed), common.NetworkOf(parsed),
                parsed.GetValue(junit), parsed.GetValue(format)),
            streams));
        HelpExamples.Add(
            command,
            "firewall rules test cases.yaml --rules nsg.json",
            "firewall rules test cases.yaml --junit results.xml",
            "firewall rules test cases.json --rules rules/ --vnet 10.20.0.0/16 --format json");
        return command;
    }

    private static int Run(TestRequest request, CommandStreams streams)
    {
        CaseFile file = CaseFile.Read(request.Cases);
        CaseSettings settings = file.Settings;
        if ((request.Rules ?? settings.Rules) is not { } rules)
        {
            throw new InvalidInputException($"no rules to test: give them with --rules FILE, or name them in {request.Cases} with \"rules\": \"FILE\"");
        }

        PolicyOptions options = new();
        if ((request.Network ?? settings.Network) is { } network) options = options with { VirtualNetwork = network };
        string? serviceTags = request.ServiceTags ?? settings.ServiceTags;
        RefuseOverwriting(request.JUnit, [request.Cases, rules, serviceTags]);
        Policy policy = RuleInputs.Read(rules, serviceTags).Compile(options, new RuleCatalog(), version: 1, out IReadOnlyList<RuleFinding> warnings);
        foreach (RuleFinding warning in warnings) streams.WriteError(warning.ToString());

        IReadOnlyList<RuleCaseResult> results = RuleCaseRunner.Run(policy, file.Cases);
        if (request.Format == OutputFormat.Json) JsonResult.Write(streams, json => WriteJson(json, results));
        else WriteTap(streams.Out, results);
        if (request.JUnit is { } path) WriteJUnit(path, request.Cases, results);
        return results.All(result => result.Passed) ? ExitCode.Done : RulesExitCode.Findings;
    }

    private static void WriteTap(TextWriter writer, IReadOnlyList<RuleCaseResult> results)
    {
        RuleCaseReport.WriteTap(writer, results);
        // A comment, for people; programs count the lines above.
        writer.WriteLine($"# {results.Count(result => result.Passed)} of {PolicyChanges.Count(results.Count, "case")} passed");
    }

    private static void WriteJson(Utf8JsonWriter json, IReadOnlyList<RuleCaseResult> results)
    {
        int passed = results.Count(result => result.Passed);
        json.WriteStartObject();
        json.WriteNumber("passed"u8, passed);
        json.WriteNumber("failed"u8, results.Count - passed);
        json.WriteStartArray("cases"u8);
        foreach (RuleCaseResult result in results)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, result.Case.Name);
            json.WriteBoolean("passed"u8, result.Passed);
            json.WriteString("access"u8, result.Access.ToString());
            json.WriteString("rule"u8, result.Rule);
            if (!result.Passed) json.WriteString("message"u8, result.Message);
            JsonResult.WriteOrigin(json, result.Case.Origin);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteJUnit(string path, string suite, IReadOnlyList<RuleCaseResult> results)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
            RuleCaseReport.WriteJUnit(file, suite, results);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ApplianceException($"{path} cannot be written: {e.Message}", e);
        }
    }

    private static void RefuseOverwriting(string? output, IEnumerable<string?> inputs)
    {
        if (output is null) return;
        string written = FileIdentity.Of(output);
        foreach (string input in inputs.OfType<string>())
        {
            if (FileIdentity.Comparer.Equals(FileIdentity.Of(input), written)) throw new InvalidInputException($"--junit {output} would overwrite {input}, which is read");
        }
    }

    private sealed record TestRequest(
        string Cases, string? Rules, string? ServiceTags, IReadOnlyList<IpPrefix>? Network, string? JUnit, OutputFormat Format);
}
