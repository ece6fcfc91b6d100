using System.Globalization;
using Firewall.Admin;
using Firewall.Commands.Running;
using Spectre.Console;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules show --hits</c>: how often each rule in force decided, so that unused ones can be found.</summary>
internal static class RuleHitsTable
{
    public static int Show(AdminClient client, OutputFormat format, CommandStreams streams)
    {
        if (format == OutputFormat.Json)
        {
            using Stream answer = client.Open("/v1/rules/hits");
            answer.CopyTo(streams.Output);
            streams.Output.WriteByte((byte)'\n');
            streams.Output.Flush();
            return ExitCode.Done;
        }

        var table = new Table { Border = TableBorder.Rounded };
        foreach (string heading in (string[])["security group", "direction", "rule", "hits", "packets", "bytes", "last hit"])
        {
            table.AddColumn(new TableColumn(heading) { NoWrap = true, Alignment = heading is "hits" or "packets" or "bytes" ? Justify.Right : Justify.Left });
        }

        foreach (RuleHitStatus hit in client.Get("/v1/rules/hits", AdminJson.Default.IReadOnlyListRuleHitStatus).Where(h => h.InForce))
        {
            table.AddRow(
                Markup.Escape(hit.SecurityGroup),
                hit.Direction,
                Markup.Escape(hit.Rule),
                Figures.Count(hit.Hits),
                Figures.Count(hit.Packets),
                Figures.Bytes(hit.Bytes),
                hit.LastHit?.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "never");
        }

        TerminalConsole.For(streams.Out, streams.OutputIsTerminal).Write(table);
        return ExitCode.Done;
    }
}
