using System.Globalization;
using System.Text;
using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Rules;
using Firewall.Tests.Tidy;

namespace Firewall.Tests.App;

/// <summary>The samples of docs/rules, and what tests of the tools for rules have in common.</summary>
internal static class RulesSamples
{
    public static string Good => Path("nsg-web.json");

    public static string Proposed => Path("nsg-web-proposed.json");

    public static string Broken => Path("nsg-web-broken.json");

    public static string Cases => Path("cases.yaml");

    public static string Path(string name) => System.IO.Path.Combine(SourceTree.Root, "docs", "rules", name);

    /// <summary>What the program printed, with the samples' folder as it is in the repository.</summary>
    public static string Portable(this CommandRunner run)
    {
        char separator = System.IO.Path.DirectorySeparatorChar;
        string text = run.Output;
        foreach ((string folder, string name) in ((string, string)[])[(Path("") + separator, "docs/rules/"), (SourceTree.Root + separator, "")])
        {
            // YAML and JSON double Windows' backslashes. What the command line was given may have a slash at its end.
            text = text.Replace(InJson(folder), name, StringComparison.Ordinal).Replace(folder, name, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>A path as it stands inside a JSON string: Windows' backslashes are doubled.</summary>
    public static string InJson(string path) => JsonEncodedText.Encode(path).ToString();

    public static JsonElement Json(this CommandRunner run)
    {
        using JsonDocument document = JsonDocument.Parse(run.Output);
        return document.RootElement.Clone();
    }

    public static Policy Policy(string file) => Sample.Compile(File.ReadAllText(file));

    /// <summary>A packet as lint and diff write their witnesses.</summary>
    public static PacketInfo Packet(JsonElement witness) => new()
    {
        Protocol = witness.GetProperty("protocol").GetByte(),
        Source = Sample.Address(witness.GetProperty("source").GetString()!),
        SourcePort = witness.TryGetProperty("sourcePort", out JsonElement source) ? source.GetUInt16() : (ushort)0,
        Destination = Sample.Address(witness.GetProperty("destination").GetString()!),
        DestinationPort = witness.TryGetProperty("destinationPort", out JsonElement destination) ? destination.GetUInt16() : (ushort)0,
        IcmpType = witness.TryGetProperty("icmpType", out JsonElement type) ? type.GetByte() : (byte)0,
        IcmpCode = witness.TryGetProperty("icmpCode", out JsonElement code) ? code.GetByte() : (byte)0,
        FragmentOffset = witness.TryGetProperty("fragment", out _) ? (ushort)8 : (ushort)0,
    };

    /// <summary>A group of that name.</summary>
    public static string Group(string name, params string[] rules) =>
        rules.Length == 0
            ? $$"""{"name":"{{name}}","properties":{"securityRules":[] } }"""
            : Sample.Group(rules).Replace("nsg-shop-web", name, StringComparison.Ordinal);

    /// <summary>A group of many rules that overlap in every field, in the ARM form. The same seed gives the same rules.</summary>
    public static string Many(int count, int seed, Func<int, bool>? flipAccess = null)
    {
        var random = new Random(seed);
        StringBuilder rules = new();
        for (int i = 0; i < count; i++)
        {
            bool isInbound = random.Next(2) == 0;
            string outside = random.Next(5) == 0 ? "*" : Prefix(random.Next(1, 224) << 24 | random.Next(1 << 24), random.Next(4, 28));
            string inside = random.Next(5) == 0 ? "*" : Prefix(10 << 24 | random.Next(1 << 24), random.Next(9, 30));
            int first = random.Next(65000);
            string ports = random.Next(8) == 0 ? "*" : $"{first}-{Math.Min(65535, first + random.Next(3000))}";
            bool allows = (random.Next(2) == 0) ^ (flipAccess?.Invoke(i) ?? false);
            if (i > 0) rules.Append(",\n");
            rules.Append(Sample.Rule(
                $"rule-{i}", 100 + i, isInbound ? "Inbound" : "Outbound", allows ? "Allow" : "Deny", random.Next(3) switch { 0 => "Udp", 1 => "Tcp", _ => "*" },
                isInbound ? outside : inside, "*", isInbound ? inside : outside, ports));
        }

        return Sample.Group(rules.ToString());
    }

    private static string Prefix(int bits, int length)
    {
        uint address = (uint)bits & (uint.MaxValue << (32 - length));
        return string.Create(CultureInfo.InvariantCulture, $"{IpAddress.FromIPv4(address)}/{length}");
    }
}
