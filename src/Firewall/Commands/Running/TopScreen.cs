using System.Globalization;
using Firewall.Admin;
using Firewall.Admin.Flows;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Firewall.Commands.Running;

/// <summary>What <c>firewall top</c> has seen at one moment.</summary>
/// <param name="Status">The appliance.</param>
/// <param name="Rules">How often each rule decided since the start.</param>
/// <param name="Flows">The flows that carried most since the look before.</param>
internal sealed record TopLook(StatusReport Status, IReadOnlyList<RuleHitStatus> Rules, IReadOnlyList<FlowRateEntry> Flows);

/// <summary>The screen of <c>firewall top</c>: differences of two looks.</summary>
internal static class TopScreen
{
    /// <summary>The most rows of a table.</summary>
    public const int Rows = 10;

    /// <summary>Draws what happened between two looks.</summary>
    public static IRenderable Of(TopLook before, TopLook now)
    {
        double seconds = Math.Max((now.Status.Time - before.Status.Time).TotalSeconds, 0.001);
        return new Rows(Summary(before.Status, now.Status, seconds), Flows(now.Flows), new Columns(Rules(before, now, seconds), Drops(before, now, seconds)) { Expand = false });
    }

    private static Grid Summary(StatusReport before, StatusReport now, double seconds)
    {
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true });
        grid.AddColumn();
        double fill = 100.0 * now.Flows.Count / now.Flows.Maximum;
        Row("firewall", $"{now.Device}, {now.Mode}, up {Figures.Seconds(now.UptimeSeconds)}, policy {now.Policy.Version}, {Figures.Bytes(now.ResidentBytes)} resident");
        Row("flows", string.Create(
            CultureInfo.InvariantCulture,
            $"{now.Flows.Count:N0} of {now.Flows.Maximum:N0} ({fill:0.0} %), {now.Flows.Assured:N0} assured; {(now.Flows.Created - before.Flows.Created) / seconds:N0} new a second"));
        Row("allowed", Rate(now.Packets.Allowed - before.Packets.Allowed, now.Packets.AllowedBytes - before.Packets.AllowedBytes, seconds));
        Row("denied", Rate(now.Packets.Denied - before.Packets.Denied, now.Packets.DeniedBytes - before.Packets.DeniedBytes, seconds));
        return grid;

        void Row(string name, string value) => grid.AddRow(Markup.Escape(name), Markup.Escape(value));
    }

    private static string Rate(long packets, long bytes, double seconds) =>
        string.Create(CultureInfo.InvariantCulture, $"{packets / seconds:N0} packets a second, {BitsPerSecond(bytes / seconds)}");

    private static Table Flows(IReadOnlyList<FlowRateEntry> flows)
    {
        Table table = TableOf(["source", "destination", "protocol", "rule"], ["packets/s", "bit/s"]);
        foreach (FlowRateEntry rate in flows)
        {
            string[] flow = FlowsListCommand.Row(rate.Flow);
            table.AddRow(flow[1], flow[2], flow[0], flow[4], rate.PacketsPerSecond.ToString("N0", CultureInfo.InvariantCulture), BitsPerSecond(rate.BytesPerSecond));
        }

        return table;
    }

    private static Table Rules(TopLook before, TopLook now, double seconds)
    {
        Table table = TableOf(["rule", "group"], ["hits/s", "hits"]);
        Dictionary<(string, string, string), long> was = before.Rules.ToDictionary(Key, rule => rule.Hits);
        foreach ((RuleHitStatus rule, double rate) in now.Rules
            .Select(rule => (rule, (rule.Hits - was.GetValueOrDefault(Key(rule))) / seconds))
            .Where(r => r.rule.Hits > 0).OrderByDescending(r => r.Item2).ThenByDescending(r => r.rule.Hits).Take(Rows))
        {
            table.AddRow(Markup.Escape(rule.Rule), Markup.Escape(rule.SecurityGroup), rate.ToString("N1", CultureInfo.InvariantCulture), Figures.Count(rule.Hits));
        }

        return table;

        static (string, string, string) Key(RuleHitStatus rule) => (rule.SecurityGroup, rule.Rule, rule.Direction);
    }

    private static Table Drops(TopLook before, TopLook now, double seconds)
    {
        Table table = TableOf(["denied because"], ["packets/s", "packets"]);
        foreach ((string reason, long packets) in now.Status.Packets.DeniedByReason.OrderByDescending(r => r.Value - Was(r.Key)).ThenByDescending(r => r.Value).Take(Rows))
        {
            table.AddRow(Markup.Escape(reason), ((packets - Was(reason)) / seconds).ToString("N1", CultureInfo.InvariantCulture), Figures.Count(packets));
        }

        return table;

        long Was(string reason) => before.Status.Packets.DeniedByReason.GetValueOrDefault(reason);
    }

    private static Table TableOf(string[] words, string[] figures)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (string word in words) table.AddColumn(new TableColumn(word) { NoWrap = true });
        foreach (string figure in figures) table.AddColumn(new TableColumn(figure) { NoWrap = true, Alignment = Justify.Right });
        return table;
    }

    private static string BitsPerSecond(double bytes)
    {
        double bits = bytes * 8;
        return bits switch
        {
            >= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{bits / 1e9:0.00} Gbit/s"),
            >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{bits / 1e6:0.0} Mbit/s"),
            >= 1e3 => string.Create(CultureInfo.InvariantCulture, $"{bits / 1e3:0.0} kbit/s"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{bits:0} bit/s"),
        };
    }
}
