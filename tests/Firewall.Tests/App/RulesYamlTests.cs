using System.Text;
using CsCheck;
using Firewall.Commands.Rules;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.App;

public class RulesYamlTests
{
    [Fact]
    public void Every_value_stands_on_the_line_where_it_stood() => Assert.Equal(
        """


        {"cases":

        [{"name":"a",
        "protocol":"6"},
        {"name":"b",
        "rule":null,
        "flow":["x",
        {"y":"z"}]}]}
        """.ReplaceLineEndings("\n"),
        Json("""
            # a comment

            cases:

              - name: a
                protocol: 6
              - name: "b"
                rule:
                flow: [x,
                  {y: z}]
            """));

    [Theory]
    [InlineData("a: 22", """{"a":"22"}""")]
    [InlineData("a: no", """{"a":"no"}""")]
    [InlineData("a: 12:30", """{"a":"12:30"}""")]
    [InlineData("a: 10.0.0.4:*", """{"a":"10.0.0.4:*"}""")]
    [InlineData("a: fd00::4", """{"a":"fd00::4"}""")]
    [InlineData("a: '~'", """{"a":"~"}""")]
    [InlineData("a: ~", """{"a":null}""")]
    [InlineData("a: null", """{"a":null}""")]
    [InlineData("null: a", """{"null":"a"}""")]
    [InlineData("a: \"q\\\"u\\no\\te\"", """{"a":"q\u0022u\no\te"}""")]
    [InlineData("a: !!str 7", """{"a":"7"}""")]
    [InlineData("{\"a\": [\"b\"]}", """{"a":["b"]}""")]
    [InlineData("a: &x 198.51.100.7\nb: *x", "{\"a\":\"198.51.100.7\",\n\"b\":\"198.51.100.7\"}")]
    [InlineData("---\na: b\n...\n", "\n{\"a\":\"b\"}")]
    public void Values_stay_the_text_that_was_written(string yaml, string json) => Assert.Equal(json, Json(yaml));

    [Theory]
    [InlineData("", 0, "The file is empty.")]
    [InlineData("# nothing\n", 0, "The file is empty.")]
    [InlineData("a: b\n---\nc: d", 2, "more than one YAML document")]
    [InlineData("a: 1\nb: !!binary aGk=", 2, "Tags such as tag:yaml.org,2002:binary are not taken")]
    [InlineData("a: &x [1]\nb: *x", 2, "The alias *x stands for no single value")]
    [InlineData("a: &x {b: 1}\nc:\n  <<: *x", 3, "The alias *x stands for no single value")]
    [InlineData("a: 1\nb: *none", 2, "The alias *none stands for no single value")]
    [InlineData("? [a]\n: b", 1, "A property's name is a list or an object")]
    [InlineData("a: 1\n\tb: 2", 1, "Not valid YAML at line 1")]
    [InlineData("a: [fd00::4]:22", 1, "Not valid YAML at line 1")]
    [InlineData("a: [b\n\nc: d\n", 1, "What follows here cannot be read. Perhaps a [, a { or a quote is not closed.")]
    [InlineData("cases:\n  - : b\n    c: d\n", 2, "A value has no name before its colon.")]
    [InlineData("a: {", 2, "Not valid YAML")]
    public void What_is_not_taken_is_told_with_its_line(string yaml, int line, string message)
    {
        List<RuleFinding> findings = [];
        Assert.Null(YamlToJson.Convert(Encoding.UTF8.GetBytes(yaml), "c.yaml", findings));
        RuleFinding finding = Assert.Single(findings);
        Assert.Equal(("c.yaml", line, true), (finding.File, finding.Line, finding.IsError));
        Assert.Contains(message, finding.Message, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Remedy);
    }

    [Fact]
    public void A_deep_nest_is_refused() => Assert.Null(YamlToJson.Convert(Encoding.UTF8.GetBytes(new string('[', 100_000)), "c.yaml", []));

    [Fact]
    public void UTF16_with_a_mark_is_read_and_other_bytes_are_refused()
    {
        byte[] utf16 = [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes("a: ü")];
        List<RuleFinding> findings = [];
        Assert.Equal("""{"a":"\u00FC"}""", Encoding.UTF8.GetString(YamlToJson.Convert(utf16, "c.yaml", findings)!));
        Assert.Null(YamlToJson.Convert([(byte)'a', (byte)':', (byte)' ', 0xFC], "c.yaml", findings));
        Assert.Equal("The file is not UTF-8 text.", Assert.Single(findings).Message);
    }

    [Fact]
    public void Spoilt_YAML_never_throws_and_what_is_taken_is_JSON()
    {
        byte[] sample = File.ReadAllBytes(RulesSamples.Cases);
        string[] pieces = ["&a ", "*a", "[", "]", "{", "}", ": ", "- ", "\"", "'", "|\n", ">\n", "%YAML 1.2\n", "---\n", "!!x ", "\\ud800", "\\U00110000", "\t", "\0", "\u0085", "? ", "<<: ", "#", "\"\\ud800\""];
        int taken = 0;
        Gen.Select(Gen.Int[0, sample.Length - 1], Gen.Int[0, 20], Gen.Int[0, pieces.Length - 1], Gen.Int[0, sample.Length - 1], Gen.Byte).Sample((at, cut, piece, other, octet) =>
        {
            List<byte> spoilt = [.. sample];
            spoilt[other] = octet;
            spoilt.RemoveRange(at, Math.Min(cut, spoilt.Count - at));
            spoilt.InsertRange(at, Encoding.UTF8.GetBytes(pieces[piece]));
            List<RuleFinding> findings = [];
            byte[]? json = YamlToJson.Convert([.. spoilt], "c.yaml", findings);
            Assert.Equal(json is null, findings.Count > 0);
            if (json is null) return;
            Interlocked.Increment(ref taken);
            using var document = System.Text.Json.JsonDocument.Parse(json);
        }, iter: 5_000);
        Assert.True(taken > 100, $"only {taken} files were taken, so the JSON was hardly tested");
    }

    private static string Json(string yaml)
    {
        List<RuleFinding> findings = [];
        byte[]? json = YamlToJson.Convert(Encoding.UTF8.GetBytes(yaml.ReplaceLineEndings("\n")), "c.yaml", findings);
        Assert.Empty(findings);
        return Encoding.UTF8.GetString(json!);
    }
}
