using System.Text.Json;
using System.Xml;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.JustInTime;

/// <summary>
/// Reads a file of just-in-time policies in Azure's shape: one, an array, or a list with <c>value</c>; properties nested or flattened.
/// Ours are <c>privateIpAddress</c> of a machine, which Azure looks up, and <c>terminateOnExpiry</c> of a policy or a machine.
/// </summary>
internal sealed class JitPolicyReader
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(24);

    private readonly string _file;
    private readonly List<string> _problems = [];

    private JitPolicyReader(string file) => _file = file;

    /// <summary>The file's bytes.</summary>
    /// <exception cref="InvalidInputException">It cannot be read, or is empty.</exception>
    public static byte[] ReadFile(string file)
    {
        try
        {
            byte[] bytes = InputFile.Read(file);
            return bytes.Length > 0 ? bytes : throw new InvalidInputException($"{file}: the file of just-in-time policies is empty");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{file}: the just-in-time policies cannot be read: {e.Message}");
        }
    }

    /// <summary>Reads the text.</summary>
    /// <exception cref="InvalidInputException">With everything that is wrong.</exception>
    public static IReadOnlyList<JitPolicy> Read(ReadOnlyMemory<byte> utf8, string file)
    {
        var reader = new JitPolicyReader(file);
        List<JitPolicy> policies = [];
        try
        {
            ReadOnlyMemory<byte> text = utf8.Span.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
            using var json = JsonDocument.Parse(text, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            JsonElement root = json.RootElement;
            if (root.ValueKind == JsonValueKind.Object && Find(root, "value") is { ValueKind: JsonValueKind.Array } list) reader.ReadAll(list, "$.value", policies);
            else if (root.ValueKind == JsonValueKind.Array) reader.ReadAll(root, "$", policies);
            else if (reader.ReadPolicy(root, "$") is { } only) policies.Add(only);
        }
        catch (JsonException e)
        {
            throw new InvalidInputException($"{file}:{e.LineNumber + 1}: this is not JSON: {e.Message}");
        }

        reader.CheckTwice(policies);
        return reader._problems.Count > 0 ? throw new InvalidInputException(reader._problems) : policies;
    }

    private void ReadAll(JsonElement list, string path, List<JitPolicy> policies)
    {
        int number = 0;
        foreach (JsonElement element in list.EnumerateArray())
        {
            if (ReadPolicy(element, $"{path}[{number++}]") is { } policy) policies.Add(policy);
        }
    }

    private JitPolicy? ReadPolicy(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object) return Refuse<JitPolicy>(path, "a policy is an object");
        string name = Text(element, "name") ?? "default";
        if (name.Any(char.IsControl)) return Refuse<JitPolicy>(path, "name must be text without control characters");
        (JsonElement properties, string inner) = Find(element, "properties") is { ValueKind: JsonValueKind.Object } nested ? (nested, path + ".properties") : (element, path);
        if (Find(properties, "virtualMachines") is not { ValueKind: JsonValueKind.Array } machines)
            return Refuse<JitPolicy>(inner, "virtualMachines, an array, is missing");
        bool terminates = Flag(properties, "terminateOnExpiry", inner) ?? false;
        List<JitMachine> read = [];
        int number = 0;
        foreach (JsonElement machine in machines.EnumerateArray())
        {
            if (ReadMachine(machine, terminates, $"{inner}.virtualMachines[{number++}]") is { } one) read.Add(one);
        }

        return new JitPolicy(name, read);
    }

    private JitMachine? ReadMachine(JsonElement element, bool terminates, string path)
    {
        if (element.ValueKind != JsonValueKind.Object) return Refuse<JitMachine>(path, "a virtual machine is an object");
        string? id = Text(element, "id");
        if (string.IsNullOrEmpty(id)) return Refuse<JitMachine>(path, "id is missing");
        if (id.Any(char.IsControl)) return Refuse<JitMachine>(path, "id must be text without control characters");
        string given = Text(element, "privateIpAddress") ?? id;
        bool hasAddress = IpAddress.TryParse(given, out IpAddress address);
        if (!hasAddress)
            Refuse<JitMachine>(path, "privateIpAddress is missing or no address; Azure looks it up, here it has to be written, such as \"privateIpAddress\": \"10.0.0.4\"");
        List<JitPort> ports = [];
        if (Find(element, "ports") is { ValueKind: JsonValueKind.Array } list)
        {
            int number = 0;
            foreach (JsonElement port in list.EnumerateArray())
            {
                if (ReadPort(port, $"{path}.ports[{number++}]") is { } one) ports.Add(one);
            }
        }
        else
        {
            Refuse<JitMachine>(path, "ports, an array, is missing");
        }

        // A request could not say which of them it means.
        foreach (IGrouping<string, JitPort> same in ports.GroupBy(port => port.Name).Where(group => group.Count() > 1))
            Refuse<JitMachine>(path, $"port {same.Key} stands in ports more than once; write it once, with all its sources in allowedSourceAddressPrefixes");

        return hasAddress ? new JitMachine(id, address, ports, Flag(element, "terminateOnExpiry", path) ?? terminates) : null;
    }

    private JitPort? ReadPort(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object) return Refuse<JitPort>(path, "a port is an object");
        int before = _problems.Count;
        ushort number = 0;
        if (Find(element, "number") is not { ValueKind: JsonValueKind.Number } given || !given.TryGetUInt16(out number)) Refuse<JitPort>(path, "number must be 0 to 65535");
        string protocolText = Text(element, "protocol") ?? "*";
        RuleProtocol protocol = RuleProtocol.Any;
        if (protocolText.ToUpperInvariant() is not ("TCP" or "UDP" or "*") || !RuleProtocol.TryParse(protocolText, out protocol))
            Refuse<JitPort>(path, $"protocol is '{protocolText}'; TCP, UDP and * are possible");
        TimeSpan duration = TimeSpan.Zero;
        if (!TryDuration(Text(element, "maxRequestAccessDuration"), out duration) || duration < Shortest || duration > Longest)
            Refuse<JitPort>(path, "maxRequestAccessDuration must be PT5M to PT24H, such as PT3H");
        List<IpPrefix> sources = ReadSources(element, path);
        return _problems.Count > before ? null : new JitPort(number, protocol, sources, duration);
    }

    private List<IpPrefix> ReadSources(JsonElement element, string path)
    {
        string? one = Text(element, "allowedSourceAddressPrefix");
        JsonElement? many = Find(element, "allowedSourceAddressPrefixes");
        bool hasMany = many is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0;
        if (one is null == !hasMany) Refuse<JitPort>(path, "exactly one of allowedSourceAddressPrefix and allowedSourceAddressPrefixes must be given");
        List<IpPrefix> sources = [];
        foreach (string? text in hasMany ? many!.Value.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? e.GetString() : null) : [one])
        {
            if (text is null or "*") return [];
            if (IpPrefix.TryParse(text, out IpPrefix prefix, out bool hasHostBits) && !hasHostBits) sources.Add(prefix);
            else if (hasHostBits) Refuse<JitPort>(path, $"the allowed source '{text}' has host bits set; the prefix is {prefix}");
            else Refuse<JitPort>(path, $"the allowed source '{text}' is no address and no prefix");
        }

        return sources;
    }

    private void CheckTwice(List<JitPolicy> policies)
    {
        foreach (IGrouping<IpAddress, JitMachine> same in policies.SelectMany(p => p.VirtualMachines).GroupBy(m => m.Address).Where(g => g.Count() > 1))
            _problems.Add($"{_file}: two virtual machines have the address {same.Key}: {string.Join(", ", same.Select(m => m.Name))}");
    }

    /// <summary>ISO 8601, as Azure writes durations.</summary>
    private static bool TryDuration(string? text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (text is null) return false;
        try
        {
            duration = XmlConvert.ToTimeSpan(text);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private bool? Flag(JsonElement element, string name, string path)
    {
        JsonElement? value = Find(element, name);
        if (value is { ValueKind: JsonValueKind.True or JsonValueKind.False } flag) return flag.GetBoolean();
        if (value is { ValueKind: not JsonValueKind.Null }) Refuse<JitPolicy>(path, $"{name} must be true or false");
        return null;
    }

    private static string? Text(JsonElement element, string name) => Find(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    // Azure's readers take property names in any case.
    private static JsonElement? Find(JsonElement element, string name)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return property.Value;
        }

        return null;
    }

    private T? Refuse<T>(string path, string what)
        where T : class
    {
        _problems.Add($"{_file}: {path}: {what}");
        return null;
    }
}
