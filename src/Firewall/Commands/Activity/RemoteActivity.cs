using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Firewall.Commands.Running;
using Firewall.Hosting;

namespace Firewall.Commands.Activity;

/// <summary>The activity log of an appliance that runs, as its admin API gives it: for who has a token or the socket, and not the file.</summary>
internal sealed class RemoteActivity(AdminClient client)
{
    /// <summary>The API gives no more at once.</summary>
    public const int MostEntries = 1000;

    // More than happen between two looks; if all of them are new, there may be still more.
    private const int Look = 100;

    private HashSet<string>? _seen;
    private bool _isAway;

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

    /// <summary>
    /// The same for one that may be away for a while, as when it is started anew: then nothing came. Entries of that time are told when it is back.
    /// </summary>
    /// <param name="tell">Told once when it is away, and once when it is back.</param>
    public IReadOnlyList<string> NewIfThere(Action<string> tell)
    {
        try
        {
            IReadOnlyList<string> entries = New();
            if (_isAway) tell("the appliance answers again");
            _isAway = false;
            return entries;
        }
        catch (Exception e) when (_seen is not null && IsAbsence(e))
        {
            if (!_isAway) tell($"{e.Message}; trying again");
            _isAway = true;
            return [];
        }
    }

    // Whoever is there and refuses goes on to do so.
    private static bool IsAbsence(Exception e) => e is IOException or ApplianceException { InnerException: HttpRequestException or SocketException or IOException or TimeoutException };

    private List<(string Id, string Line)> Identified(int limit) =>
        [.. Get(limit).Select(entry => (entry.GetProperty("eventDataId").GetString()!, entry.GetRawText()))];

    private IEnumerable<JsonElement> Get(int limit)
    {
        using Stream answer = client.Open(string.Create(CultureInfo.InvariantCulture, $"/v1/activity?limit={limit}"));
        try
        {
            return JsonDocument.Parse(answer).RootElement.GetProperty("value").EnumerateArray().Reverse();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw client.NotOurs(e);
        }
    }
}
