using System.Text;
using CsCheck;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class NsgReaderRobustnessTests
{
    private static readonly byte[] s_good = Encoding.UTF8.GetBytes(
        """
        { "$schema": "x", "parameters": { "p": { "defaultValue": "22" } }, "variables": { "v": "[parameters('p')]" }, "resources": [
          { "type": "Microsoft.Network/networkSecurityGroups", "name": "[concat('n', 'sg')]", "properties": { "flushConnection": null, "securityRules": [
            { "name": "r", "properties": { "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRanges": ["[variables('v')]", "80-90"], "sourceAddressPrefix": "Internet",
              "destinationAddressPrefixes": ["10.0.0.0/8", "fd00::/8"], "access": "Allow", "priority": 100, "direction": "Inbound" } } ],
            "subnets": [ { "id": "a/b" } ] } },
          { "type": "Microsoft.Network/networkSecurityGroups/securityRules", "name": "nsg/x", "properties": { "protocol": 6, "sourcePortRange": 5, "destinationPortRange": "*",
              "sourceApplicationSecurityGroups": [ { "id": "q" } ], "destinationAddressPrefix": "*", "access": "Deny", "priority": "200", "direction": "outbound" } } ] }
        """);

    [Fact]
    public void The_sample_itself_is_good() => Assert.Empty(NsgReader.Read(s_good, "f").Findings);

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Byte.Array[0, 200].Sample(bytes => { Whole(bytes); }, iter: 20_000);

    [Fact]
    public void Bytes_changed_cut_and_doubled_never_throw() =>
        Gen.Select(Gen.Int[0, s_good.Length - 1], Gen.Int[0, s_good.Length - 1], Gen.Byte, Gen.Int[0, 3]).Array[1, 4].Sample(
            edits =>
            {
                List<byte> bytes = [.. s_good];
                foreach ((int at, int other, byte value, int how) in edits)
                {
                    int first = at % bytes.Count;
                    int second = other % bytes.Count;
                    switch (how)
                    {
                        case 0: bytes[first] = value; break;
                        case 1: bytes.RemoveRange(Math.Min(first, second), Math.Min(20, Math.Abs(first - second))); break;
                        case 2: bytes.InsertRange(first, [.. bytes.Skip(second).Take(30)]); break;
                        default: bytes[first] = "{}[]\",:*'()0"u8[value % 12]; break;
                    }

                    if (bytes.Count == 0) bytes.Add(value);
                }

                Whole([.. bytes]);
            },
            iter: 20_000);

    [Fact]
    public void Values_exchanged_for_other_values_never_throw()
    {
        string[] tokens = ["null", "true", "0", "-1", "1e999", "\"\"", "\"[\"", "\"[concat(\"", "\"[parameters('p')]\"", "\"[variables('v')[0]]\"", "[]", "{}", "[[]]", "[null]", "{\"id\":{}}", "\"*\"", "\"10.0.0.0/8\""];
        string text = Encoding.UTF8.GetString(s_good);
        int[] colons = [.. Enumerable.Range(0, text.Length).Where(i => text[i] == ':' && text[i - 1] == '"')];
        Gen.Select(Gen.Int[0, colons.Length - 1], Gen.Int[0, tokens.Length - 1]).Array[1, 3].Sample(
            swaps =>
            {
                string changed = text;
                foreach ((int colon, int token) in swaps.OrderByDescending(swap => swap.Item1))
                {
                    int end = changed.IndexOfAny([',', '}', ']'], colons[colon]);
                    changed = string.Concat(changed.AsSpan(0, colons[colon] + 1), tokens[token], changed.AsSpan(end));
                }

                Whole(Encoding.UTF8.GetBytes(changed));
            },
            iter: 20_000);
    }

    /// <summary>Reads and, if the file is good, compiles: every way in must end in findings, and good groups must compile or say why.</summary>
    private static void Whole(byte[] bytes)
    {
        RuleFile file = NsgReader.Read(bytes, "f");
        foreach (RuleFinding finding in file.Findings) Assert.NotEmpty(finding.ToString());
        if (!file.HasErrors)
        {
            Assert.NotEmpty(file.Groups);
            CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1);
            Assert.True(result.Policy is not null || result.Findings.Count > 0);
        }

        ServiceTags.Read(bytes, "f", out _);
    }
}
