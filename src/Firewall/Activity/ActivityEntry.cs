using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Firewall.Activity;

/// <summary>Writes an event as an entry of Azure's activity log, on one line (nsg activity log schema, category Administrative).</summary>
internal static class ActivityEntry
{
    private static readonly JsonWriterOptions s_oneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The entry, with a line feed at its end.</summary>
    /// <param name="happened">What.</param>
    /// <param name="time">When.</param>
    /// <param name="id">Of this entry.</param>
    /// <param name="scope">Of which ids are made for what has none.</param>
    public static byte[] Write(ActivityEvent happened, DateTimeOffset time, Guid id, ActivityScope scope)
    {
        string resource = scope.IdOf(happened.Operation, happened.Resource);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, s_oneLine))
        {
            ActivityOperation operation = happened.Operation;
            string provider = operation.ResourceType[..operation.ResourceType.IndexOf('/', StringComparison.Ordinal)];
            string stamp = time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
            json.WriteStartObject();
            json.WriteStartObject("authorization");
            json.WriteString("action", operation.Value);
            json.WriteString("scope", resource);
            json.WriteEndObject();
            json.WriteString("caller", happened.Caller.Name);
            json.WriteString("channels", "Operation");
            WriteClaims(json, happened.Caller);
            json.WriteString("correlationId", happened.Correlation);
            json.WriteString("description", happened.Description);
            json.WriteString("eventDataId", id);
            WriteValue(json, "eventName", "EndRequest", "End request");
            WriteValue(json, "category", "Administrative", "Administrative");
            json.WriteString("eventTimestamp", stamp);
            json.WriteString("id", $"{resource}/events/{id}/ticks/{time.UtcTicks.ToString(CultureInfo.InvariantCulture)}");
            json.WriteString("level", happened.Succeeded ? "Informational" : "Error");
            json.WriteString("operationId", happened.Correlation);
            WriteValue(json, "operationName", operation.Value, operation.Text);
            json.WriteString("resourceGroupName", PartOf(resource, "resourceGroups"));
            WriteValue(json, "resourceProviderName", provider, provider);
            WriteValue(json, "resourceType", operation.ResourceType, operation.ResourceType);
            json.WriteString("resourceId", resource);
            string status = happened.Succeeded ? "Succeeded" : "Failed";
            WriteValue(json, "status", status, status);
            string code = happened.Succeeded ? "OK" : "BadRequest";
            WriteValue(json, "subStatus", code, happened.Succeeded ? "OK (HTTP Status Code: 200)" : "Bad Request (HTTP Status Code: 400)");
            json.WriteString("submissionTimestamp", stamp);
            json.WriteString("subscriptionId", PartOf(resource, "subscriptions"));
            json.WriteStartObject("properties");
            json.WriteString("statusCode", code);
            foreach ((string name, ActivityValue value) in happened.Properties)
            {
                json.WritePropertyName(name);
                if (value.IsJson) json.WriteRawValue(value.Text);
                else json.WriteStringValue(value.Text);
            }

            json.WriteEndObject();
            json.WriteStartArray("relatedEvents");
            json.WriteEndArray();
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteClaims(Utf8JsonWriter json, ActivityCaller caller)
    {
        json.WriteStartObject("claims");
        if (caller.User is { } user) json.WriteString("uid", user.ToString(CultureInfo.InvariantCulture));
        if (caller.Sid is { } sid) json.WriteString("sid", sid);
        if (caller.Process is { } process) json.WriteString("pid", process.ToString(CultureInfo.InvariantCulture));
        if (caller.Address is { } address) json.WriteString("ipaddr", address);
        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, string name, string value, string text)
    {
        json.WriteStartObject(name);
        json.WriteString("value", value);
        json.WriteString("localizedValue", text);
        json.WriteEndObject();
    }

    // The word behind "/subscriptions/" or "/resourceGroups/" of a resource id; empty for a bare name.
    private static string PartOf(string resource, string part)
    {
        string[] words = resource.Split('/');
        int at = Array.FindIndex(words, word => word.Equals(part, StringComparison.OrdinalIgnoreCase));
        return at >= 0 && at + 1 < words.Length ? words[at + 1] : "";
    }
}
