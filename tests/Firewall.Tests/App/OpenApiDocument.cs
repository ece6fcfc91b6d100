using System.Text.Json;
using Firewall.Admin;

namespace Firewall.Tests.App;

/// <summary>Holds answers against what the API's own document says of them. It knows of JSON Schema what stands there.</summary>
internal sealed class OpenApiDocument
{
    private readonly JsonElement _document;

    public OpenApiDocument()
    {
        using Stream text = AdminApi.OpenApiDocument();
        _document = JsonDocument.Parse(text).RootElement;
    }

    /// <summary>What in the answer to a GET is otherwise than described; also what is there and not described.</summary>
    public IReadOnlyList<string> Judge(string path, JsonElement answer)
    {
        List<string> wrong = [];
        Judge(
            _document.GetProperty("paths").GetProperty(path).GetProperty("get").GetProperty("responses").GetProperty("200").GetProperty("content")
                .GetProperty("application/json").GetProperty("schema"),
            answer, path, wrong);
        return wrong;
    }

    private void Judge(JsonElement schema, JsonElement value, string place, List<string> wrong)
    {
        if (schema.TryGetProperty("$ref", out JsonElement name))
        {
            Judge(_document.GetProperty("components").GetProperty("schemas").GetProperty(name.GetString()!.Split('/')[^1]), value, place, wrong);
            return;
        }

        JsonElement type = schema.GetProperty("type");
        string[] types = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(t => t.GetString()!)] : [type.GetString()!];
        if (!types.Contains(TypeOf(value)) && !(types.Contains("number") && TypeOf(value) == "integer")) wrong.Add($"{place} is {value}, not {string.Join(" or ", types)}");
        else if (value.ValueKind == JsonValueKind.Object) JudgeProperties(schema, value, place, wrong);
        else if (value.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out JsonElement items)) JudgeAll(items, value, place, wrong);
        else if (schema.TryGetProperty("enum", out JsonElement words) && !words.EnumerateArray().Any(word => word.GetString() == value.GetString())) wrong.Add($"{place} is {value}");
    }

    private void JudgeAll(JsonElement schema, JsonElement values, string place, List<string> wrong)
    {
        foreach (JsonElement value in values.EnumerateArray()) Judge(schema, value, place + "[]", wrong);
    }

    private void JudgeProperties(JsonElement schema, JsonElement value, string place, List<string> wrong)
    {
        bool hasOthers = schema.TryGetProperty("additionalProperties", out _);
        JsonElement[] described = schema.TryGetProperty("properties", out JsonElement properties) ? [properties] : [];
        if (described.Length == 0 && !hasOthers) wrong.Add($"{place} is not described");
        foreach (JsonProperty property in value.EnumerateObject())
        {
            if (described.Length > 0 && described[0].TryGetProperty(property.Name, out JsonElement known)) Judge(known, property.Value, $"{place}.{property.Name}", wrong);
            else if (!hasOthers) wrong.Add($"{place}.{property.Name} is not described");
        }

        if (!schema.TryGetProperty("required", out JsonElement required)) return;
        wrong.AddRange(required.EnumerateArray().Where(name => !value.TryGetProperty(name.GetString()!, out _)).Select(name => $"{place}.{name} is missing"));
    }

    private static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Number => value.TryGetInt64(out _) ? "integer" : "number",
        _ => value.ValueKind.ToString().ToLowerInvariant(),
    };
}
