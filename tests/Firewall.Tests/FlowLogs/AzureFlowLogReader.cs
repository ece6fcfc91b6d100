using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Firewall.Tests.FlowLogs;

/// <summary>One tuple of a flow log, with the record and file that it stood in.</summary>
/// <param name="Resource">The part of the path that names the resource.</param>
/// <param name="Hour">The hour that the path names.</param>
/// <param name="Group">NSG: the record's resourceId; VNet: the aclID.</param>
/// <param name="Rule">For example UserRule_allow-ssh.</param>
/// <param name="Time">The tuple's own time.</param>
/// <param name="Flow">source,destination,source port,destination port,protocol,direction.</param>
/// <param name="State">B, C, E or D.</param>
/// <param name="PacketsSent">0 where the tuple has none.</param>
/// <param name="BytesSent">0 where the tuple has none.</param>
/// <param name="PacketsReceived">0 where the tuple has none.</param>
/// <param name="BytesReceived">0 where the tuple has none.</param>
internal sealed record AzureTuple(
    string Resource, DateTime Hour, string Group, string Rule, DateTimeOffset Time, string Flow, char State, long PacketsSent, long BytesSent, long PacketsReceived,
    long BytesReceived);

/// <summary>
/// Reads a folder of flow logs as Azure's readers do, from the documented formats alone: files by their blob paths, without the first 12 and the
/// last 2 bytes, records of NSG flow logs version 2 and VNet flow logs version 4. Throws at whatever is not as documented.
/// </summary>
internal static partial class AzureFlowLogReader
{
    private const int HeadLength = 12;
    private const int TailLength = 2;

    /// <summary>All tuples of VNet flow logs.</summary>
    public static List<AzureTuple> ReadVnet(string folder) => [.. Files(folder, "insights-logs-flowlogflowevent").SelectMany(ReadVnetFile)];

    /// <summary>All tuples of NSG flow logs.</summary>
    public static List<AzureTuple> ReadNsg(string folder) => [.. Files(folder, "insights-logs-networksecuritygroupflowevent").SelectMany(ReadNsgFile)];

    private static IEnumerable<(Match Path, JsonElement Record)> Files(string folder, string container)
    {
        string place = Path.Combine(folder, container);
        if (!Directory.Exists(place)) yield break;
        foreach (string file in Directory.EnumerateFiles(place, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            Match path = BlobPath().Match(Path.GetRelativePath(place, file).Replace('\\', '/'));
            Require(path.Success, $"{file} is no path of a flow log");
            byte[] bytes = File.ReadAllBytes(file);
            Require(bytes.AsSpan(0, HeadLength).SequenceEqual("{\"records\":["u8), $"{file} does not begin as it must");
            Require(bytes.AsSpan(bytes.Length - TailLength).SequenceEqual("]}"u8), $"{file} does not end as it must");
            using var whole = JsonDocument.Parse(bytes);
            // As a reader does that fetches what is new since its last visit.
            using var inner = JsonDocument.Parse((byte[])[.. "["u8, .. bytes.AsSpan(HeadLength, bytes.Length - HeadLength - TailLength), .. "]"u8]);
            Require(whole.RootElement.GetProperty("records").GetArrayLength() == inner.RootElement.GetArrayLength(), file);
            foreach (JsonElement record in inner.RootElement.EnumerateArray())
            {
                Require(record.GetProperty("time").GetString()![19..] is [.., 'Z'] fraction && fraction.Length == 9, "time has no seven decimals");
                yield return (path, record.Clone());
            }
        }
    }

    private static IEnumerable<AzureTuple> ReadVnetFile((Match Path, JsonElement Record) file)
    {
        JsonElement record = file.Record;
        Require(record.GetProperty("flowLogVersion").GetInt32() == 4, "version");
        Require(record.GetProperty("category").GetString() == "FlowLogFlowEvent" && record.GetProperty("operationName").GetString() == "FlowLogFlowEvent", "category");
        Require(record.GetProperty("flowLogGUID").GetGuid() != default, "flowLogGUID");
        Require(record.GetProperty("macAddress").GetString() == file.Path.Groups["mac"].Value, "macAddress");
        string resource = record.GetProperty("flowLogResourceID").GetString()!;
        Require(!resource.Any(char.IsLower) && resource.Contains("/NETWORKWATCHERS/", StringComparison.Ordinal), "flowLogResourceID");
        Require(record.GetProperty("targetResourceID").GetString()!.Contains("/virtualNetworks/", StringComparison.Ordinal), "targetResourceID");
        foreach (JsonElement flow in record.GetProperty("flowRecords").GetProperty("flows").EnumerateArray())
        {
            string group = flow.GetProperty("aclID").GetString()!;
            foreach (JsonElement rule in flow.GetProperty("flowGroups").EnumerateArray())
            {
                foreach (JsonElement tuple in rule.GetProperty("flowTuples").EnumerateArray())
                {
                    string[] f = tuple.GetString()!.Split(',');
                    Require(f.Length == 13 && f[0].Length == 13 && f[6] is "I" or "O" && f[7] is "B" or "C" or "E" or "D" && f[8] == "NX", tuple.GetString()!);
                    yield return Tuple(file.Path, group, rule, DateTimeOffset.FromUnixTimeMilliseconds(Number(f[0])), f[1..7], f[7], f[9..]);
                }
            }
        }
    }

    private static IEnumerable<AzureTuple> ReadNsgFile((Match Path, JsonElement Record) file)
    {
        JsonElement record = file.Record;
        Require(record.GetProperty("category").GetString() == "NetworkSecurityGroupFlowEvent", "category");
        Require(record.GetProperty("operationName").GetString() == "NetworkSecurityGroupFlowEvents", "operationName");
        Require(record.GetProperty("systemId").GetGuid() != default, "systemId");
        string group = record.GetProperty("resourceId").GetString()!;
        Require($"/{file.Path.Groups["resource"].Value}" == group && !group.Any(char.IsLower), "resourceId");
        JsonElement properties = record.GetProperty("properties");
        Require(properties.GetProperty("Version").GetInt32() == 2, "version");
        foreach (JsonElement rule in properties.GetProperty("flows").EnumerateArray())
        {
            foreach (JsonElement flow in rule.GetProperty("flows").EnumerateArray())
            {
                Require(flow.GetProperty("mac").GetString() == file.Path.Groups["mac"].Value, "mac");
                foreach (JsonElement tuple in flow.GetProperty("flowTuples").EnumerateArray())
                {
                    string[] f = tuple.GetString()!.Split(',');
                    Require(f.Length == 13 && f[0].Length == 10 && f[5] is "T" or "U" && f[6] is "I" or "O" && f[7] is "A" or "D" && f[8] is "B" or "C" or "E", tuple.GetString()!);
                    Require((f[8] == "B") == f[9..].All(c => c.Length == 0), "counters are empty where a flow begins, and only there");
                    yield return Tuple(file.Path, group, rule, DateTimeOffset.FromUnixTimeSeconds(Number(f[0])), f[1..7], f[7] == "D" ? "D" : f[8], f[9..]);
                }
            }
        }
    }

    private static AzureTuple Tuple(Match path, string group, JsonElement rule, DateTimeOffset time, string[] flow, string state, string[] counters)
    {
        string name = rule.GetProperty("rule").GetString()!;
        Require(name.StartsWith("UserRule_", StringComparison.Ordinal) || name.StartsWith("DefaultRule_", StringComparison.Ordinal) || name == "unspecified", name);
        var hour = new DateTime(Part("y"), Part("m"), Part("d"), Part("h"), 0, 0, DateTimeKind.Utc);
        long[] c = [.. counters.Select(Number)];
        return new AzureTuple(path.Groups["resource"].Value, hour, group, name, time, string.Join(',', flow), state[0], c[0], c[1], c[2], c[3]);

        int Part(string part) => int.Parse(path.Groups[part].Value, CultureInfo.InvariantCulture);
    }

    private static long Number(string text) => text.Length == 0 ? 0 : long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static void Require(bool holds, string what)
    {
        if (!holds) throw new InvalidDataException(what);
    }

    [GeneratedRegex(@"^(resourceId|flowLogResourceID)=/(?<resource>.+)/y=(?<y>\d{4})/m=(?<m>\d\d)/d=(?<d>\d\d)/h=(?<h>\d\d)/m=00/macAddress=(?<mac>[0-9A-F]{12})/PT1H\.json$")]
    private static partial Regex BlobPath();
}
