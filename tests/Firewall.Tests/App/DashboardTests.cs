using System.Text.Json;
using Firewall.Tests.Tidy;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The Grafana dashboard is one that Grafana loads as it is meant: by its documented JSON model. That its metrics exist is tested with the metrics.</summary>
public sealed class DashboardTests
{
    private const int Columns = 24;

    private static readonly JsonElement Dashboard = JsonDocument.Parse(SourceTree.Read("docker/grafana-dashboard.json")).RootElement;

    private static IEnumerable<JsonElement> Panels => Dashboard.GetProperty("panels").EnumerateArray();

    [Fact]
    public void It_has_what_an_import_asks_for()
    {
        Assert.False(string.IsNullOrEmpty(Dashboard.GetProperty("title").GetString()));
        Assert.InRange(Dashboard.GetProperty("uid").GetString()!.Length, 1, 40);
        Assert.True(Dashboard.GetProperty("schemaVersion").GetInt32() >= 36); // from there on data sources are objects
        string[] variables = [.. Dashboard.GetProperty("templating").GetProperty("list").EnumerateArray().Select(v => v.GetProperty("name").GetString()!)];
        Assert.Equal(["datasource", "instance"], variables);
    }

    [Fact]
    public void Panels_have_numbers_of_their_own_and_lie_side_by_side()
    {
        Assert.Equal(Panels.Count(), Panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        HashSet<(int, int)> taken = [];
        foreach (JsonElement panel in Panels)
        {
            JsonElement place = panel.GetProperty("gridPos");
            int x = place.GetProperty("x").GetInt32();
            int y = place.GetProperty("y").GetInt32();
            int right = x + place.GetProperty("w").GetInt32();
            Assert.InRange(right, x + 1, Columns);
            for (int column = x; column < right; column++)
            {
                for (int row = y; row < y + place.GetProperty("h").GetInt32(); row++) Assert.True(taken.Add((column, row)), panel.GetProperty("title").GetString());
            }
        }
    }

    [Fact]
    public void Every_query_asks_the_chosen_source_for_the_chosen_appliances()
    {
        foreach (JsonElement panel in Panels)
        {
            Assert.Equal("${datasource}", panel.GetProperty("datasource").GetProperty("uid").GetString());
            JsonElement[] targets = [.. panel.GetProperty("targets").EnumerateArray()];
            Assert.NotEmpty(targets);
            Assert.Equal(targets.Length, targets.Select(t => t.GetProperty("refId").GetString()).Distinct().Count());
            foreach (string query in targets.Select(t => t.GetProperty("expr").GetString()!))
            {
                Assert.Equal(System.Text.RegularExpressions.Regex.Count(query, @"(firewall|process)_[a-z_]+"), System.Text.RegularExpressions.Regex.Count(query, @"instance=~""\$instance"""));
                Assert.Equal(query.Count(c => c == '('), query.Count(c => c == ')'));
            }
        }
    }
}
