using System.Globalization;
using Firewall.Core.Rules;
using Spectre.Console;

namespace Firewall.Commands.Rules;

/// <summary>Draws effective security rules: for each group and direction a table in the order of evaluation.</summary>
internal static class EffectiveRulesTable
{
    // A tag may have thousands of prefixes: the table shows what it begins with, JSON has them all.
    private const int MostLines = 6;

    public static void Write(IReadOnlyList<EffectiveGroup> groups, CommandStreams streams)
    {
        IAnsiConsole console = TerminalConsole.For(streams.Out, streams.OutputIsTerminal);
        foreach (EffectiveGroup group in groups)
        {
            foreach (RuleDirection direction in (RuleDirection[])[RuleDirection.Inbound, RuleDirection.Outbound])
            {
                console.Write(TableOf(group, direction));
            }
        }
    }

    private static Table TableOf(EffectiveGroup group, RuleDirection direction)
    {
        var table = new Table
        {
            Border = TableBorder.Rounded,
            Title = new TableTitle(Markup.Escape($"{group.SecurityGroup}, {direction}, {ResourceId.NameOf(group.AppliedTo)}")),
        };
        foreach (string heading in (string[])["priority", "rule", "protocol", "source", "port", "destination", "port", "access"])
        {
            table.AddColumn(new TableColumn(heading) { NoWrap = heading is not ("source" or "destination" or "rule") });
        }

        foreach (EffectiveRule rule in group.Rules.Where(rule => rule.Rule.Direction == direction)) table.AddRow(Row(rule));
        return table;
    }

    private static string[] Row(EffectiveRule effective)
    {
        SecurityRule rule = effective.Rule;
        return
        [
            rule.Priority.ToString(CultureInfo.InvariantCulture),
            Markup.Escape(rule.Name),
            rule.IcmpTypes.Count == 0 ? rule.Protocol.ToString() : $"{rule.Protocol}/{string.Join(',', rule.IcmpTypes)}",
            Addresses(rule.Source, effective.ExpandedSource),
            Lines(rule.SourcePorts.Select(range => range.ToString())),
            Addresses(rule.Destination, effective.ExpandedDestination),
            Lines(rule.DestinationPorts.Select(range => range.ToString())),
            rule.Access == Access.Allow ? "[green]Allow[/]" : "[red]Deny[/]",
        ];
    }

    private static string Addresses(AddressSelector selector, IReadOnlyList<string> expanded) => selector.Kind switch
    {
        AddressSelectorKind.Any => "*",
        AddressSelectorKind.Prefixes => Lines(selector.Prefixes.Select(prefix => prefix.ToString())),
        _ => $"{Markup.Escape(selector.ToString())}\n{(expanded.Count == 0 ? "[red]no address[/]" : Lines(expanded.Select(prefix => $"  {prefix}")))}",
    };

    private static string Lines(IEnumerable<string> values)
    {
        string[] all = [.. values];
        // One line that says "1 more" would take the place of that one.
        IEnumerable<string> shown = all.Length <= MostLines
            ? all
            : [.. all.Take(MostLines - 1), string.Create(CultureInfo.InvariantCulture, $"  … {all.Length - MostLines + 1:N0} more")];
        return Markup.Escape(string.Join('\n', shown));
    }
}
