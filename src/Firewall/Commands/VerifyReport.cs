using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Spectre.Console;

namespace Firewall.Commands;

/// <summary>
/// Prints the answer of <c>verify</c>. JSON has the shapes of Azure: IP flow verify (<c>access</c>, <c>ruleName</c>), and with
/// <c>--explain</c> NSG diagnostics (<c>results[].networkSecurityGroupResult</c>).
/// </summary>
internal static class VerifyReport
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What the asker should know about the question itself.</summary>
    public static IEnumerable<string> NotesOn(FlowQuery query, Explanation explanation)
    {
        if (!explanation.IsLocalProtected)
        {
            yield return $"note: --local {query.Local} lies outside of the virtual network (see --vnet); "
                + "the rules answer all the same, but an appliance would see such a packet as transit";
        }

        bool portDecided = explanation.Groups.SelectMany(g => g.Rules).Any(r =>
            r is { DestinationPortMatched: false, ProtocolMatched: true, SourceMatched: true, SourcePortMatched: true, DestinationMatched: true });
        if (query.DestinationPort is null && IpProtocol.HasPorts(query.Protocol) && portDecided)
        {
            string option = query.Direction == RuleDirection.Inbound ? "--local" : "--remote";
            yield return $"note: {option} names no port, so only rules that cover all ports answer; name one to ask for it";
        }
    }

    /// <summary>Prints the answer to standard output.</summary>
    public static void Write(FlowQuery query, Explanation explanation, bool explain, OutputFormat format, CommandStreams streams)
    {
        if (format == OutputFormat.Json)
        {
            using (var json = new Utf8JsonWriter(streams.Output, explain ? Indented : OneLine))
            {
                if (explain) WriteDiagnostics(json, query, explanation);
                else WriteAnswer(json, explanation);
            }

            streams.Out.WriteLine();
        }
        else
        {
            streams.Out.WriteLine($"{explanation.Access} by {explanation.RuleName ?? "no rule: no security group applies"}");
            if (explain) WriteTable(explanation, streams);
        }
    }

    private static void WriteAnswer(Utf8JsonWriter json, Explanation explanation)
    {
        json.WriteStartObject();
        json.WriteString("access"u8, explanation.Access.ToString());
        // Azure leaves it out if nothing matched.
        if (explanation.RuleName is { } rule) json.WriteString("ruleName"u8, rule);
        json.WriteEndObject();
    }

    private static void WriteDiagnostics(Utf8JsonWriter json, FlowQuery query, Explanation explanation)
    {
        json.WriteStartObject();
        json.WriteStartArray("results"u8);
        json.WriteStartObject();
        json.WriteStartObject("profile"u8);
        json.WriteString("direction"u8, query.Direction.ToString());
        json.WriteString("protocol"u8, RuleProtocol.Of(query.Protocol).ToString());
        json.WriteString("source"u8, query.Source.ToString());
        json.WriteString("destination"u8, query.Destination.ToString());
        json.WriteString("destinationPort"u8, query.DestinationPort?.ToString(CultureInfo.InvariantCulture) ?? "*");
        json.WriteEndObject();
        json.WriteStartObject("networkSecurityGroupResult"u8);
        json.WriteString("securityRuleAccessResult"u8, explanation.Access.ToString());
        json.WriteStartArray("evaluatedNetworkSecurityGroups"u8);
        foreach (GroupEvaluation group in explanation.Groups) WriteGroup(json, group);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteGroup(Utf8JsonWriter json, GroupEvaluation group)
    {
        json.WriteStartObject();
        json.WriteString("networkSecurityGroupId"u8, group.SecurityGroupId ?? group.SecurityGroup);
        json.WriteString("appliedTo"u8, group.AppliedTo);
        if (group.MatchedRule is { } matched)
        {
            json.WriteStartObject("matchedRule"u8);
            json.WriteString("ruleName"u8, matched.Identity.FlowLogName);
            json.WriteString("action"u8, matched.Access.ToString());
            json.WriteEndObject();
        }

        json.WriteStartArray("rulesEvaluationResult"u8);
        foreach (RuleEvaluation rule in group.Rules)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, rule.Identity.FlowLogName);
            json.WriteBoolean("protocolMatched"u8, rule.ProtocolMatched);
            json.WriteBoolean("sourceMatched"u8, rule.SourceMatched);
            json.WriteBoolean("sourcePortMatched"u8, rule.SourcePortMatched);
            json.WriteBoolean("destinationMatched"u8, rule.DestinationMatched);
            json.WriteBoolean("destinationPortMatched"u8, rule.DestinationPortMatched);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTable(Explanation explanation, CommandStreams streams)
    {
        IAnsiConsole console = TerminalConsole.For(streams.Out, streams.OutputIsTerminal);
        foreach (GroupEvaluation group in explanation.Groups)
        {
            var table = new Table { Border = TableBorder.Rounded, Title = new TableTitle(Markup.Escape($"{group.SecurityGroup}, {group.Direction}, {group.AppliedTo}")) };
            foreach (string heading in (string[])["priority", "rule", "protocol", "source", "port", "destination", "port", "says"])
            {
                table.AddColumn(new TableColumn(heading) { NoWrap = true });
            }

            foreach (RuleEvaluation rule in group.Rules) table.AddRow(Row(rule));
            console.Write(table);
        }
    }

    private static string[] Row(RuleEvaluation rule) =>
    [
        rule.Priority.ToString(CultureInfo.InvariantCulture),
        Markup.Escape(rule.Identity.Name),
        Mark(rule.ProtocolMatched),
        Mark(rule.SourceMatched),
        Mark(rule.SourcePortMatched),
        Mark(rule.DestinationMatched),
        Mark(rule.DestinationPortMatched),
        !rule.IsMatch ? "" : rule.Access == Access.Allow ? "[green]Allow[/]" : "[red]Deny[/]",
    ];

    private static string Mark(bool matched) => matched ? "[green]yes[/]" : "[red]no[/]";
}
