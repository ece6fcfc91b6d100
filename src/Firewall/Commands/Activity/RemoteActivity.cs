using System.Globalization;
using System.Text.Json;
using Firewall.Commands.Running;

namespace Firewall.Commands.Activity;

/// <summary>The activity log of an appliance that runs, as its admin API gives it: for who has a token or the socket, and not the file.</summary>
internal sealed class RemoteActivity(AdminClient client)
{
    // The API gives no more at once.
    private const int MostEntries = 1000;

    // More than happen between two looks; if all of them are new, there may be still more.
    private const int Look = 100;

    private HashSet<string>? _seen;

    /// <summary>The newest entries as JSON, the oldest of them first.</summary>
    public IReadOnlyList<string> Newest(int limit) => [.. Get(limit).Select(entry => entry.GetRawText())];

    /// <summary>Entries that came since the last call, the oldest first; at the first call none.</summary>
    public IReadOnlyList<string> New()
    {
        HashSet<string>? seen = _seen;
        List<(string Id, string Line)> entries = Identified(Look);
        if (seen is { Count: > 0 } && !entries.Exists(entry => seen.Contains(entry.Id))) entries = Identified(MostEntries);
        _seen = [.. entries.Select(entry => entry.Id)];
        return seen is null ? [] : [.. entries.Where(entry => !seen.Contains(entry.Id)).Select(entry => entry.Line)];
    }

    private List<(string Id, string Line)> Identified(int limit) =>
        [.. Get(limit).Select(entry => (entry.GetProperty("eventDataId").GetString()!, entry.GetRawText()))];

    private IEnumerable<JsonElement> Get(int limit)
    {
        using Stream answer = client.Open(string.Create(CultureInfo.InvariantCulture, $"/v1/activity?limit={limit}"));
        return JsonDocument.Parse(answer).RootElement.GetProperty("value").EnumerateArray().Reverse();
    }
}
