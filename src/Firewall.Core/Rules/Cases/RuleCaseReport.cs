using System.Globalization;
using System.Xml;

namespace Firewall.Core.Rules.Cases;

/// <summary>Writes results for people and for continuous integration.</summary>
public static class RuleCaseReport
{
    /// <summary>TAP version 14: a plan, then <c>ok</c> or <c>not ok</c> for each case, with what differs in a YAML block.</summary>
    public static void WriteTap(TextWriter writer, IReadOnlyList<RuleCaseResult> results)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(results);
        writer.Write("TAP version 14\n");
        writer.Write(string.Create(CultureInfo.InvariantCulture, $"1..{results.Count}\n"));
        for (int i = 0; i < results.Count; i++)
        {
            RuleCaseResult result = results[i];
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{(result.Passed ? "ok" : "not ok")} {i + 1} - {Escape(result.Case.Name)}\n"));
            if (result.Passed) continue;
            writer.Write("  ---\n");
            writer.Write($"  message: {Quote(result.Message)}\n");
            if (result.Case.Origin.Line > 0)
            {
                writer.Write($"  file: {Quote(result.Case.Origin.File)}\n");
                writer.Write(string.Create(CultureInfo.InvariantCulture, $"  line: {result.Case.Origin.Line}\n"));
            }

            writer.Write("  ...\n");
        }
    }

    /// <summary>JUnit's XML: one test suite, one test case for each case, a failure element with what differs.</summary>
    /// <param name="stream">Gets UTF-8; stays open.</param>
    /// <param name="suite">The suite's name, such as the file's.</param>
    /// <param name="results">The results.</param>
    public static void WriteJUnit(Stream stream, string suite, IReadOnlyList<RuleCaseResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        using XmlWriter xml = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true, CloseOutput = false, NewLineChars = "\n", Encoding = new System.Text.UTF8Encoding(false), CheckCharacters = false });
        string count = results.Count.ToString(CultureInfo.InvariantCulture);
        string failures = results.Count(result => !result.Passed).ToString(CultureInfo.InvariantCulture);
        xml.WriteStartElement("testsuites");
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", Clean(suite));
        xml.WriteAttributeString("tests", count);
        xml.WriteAttributeString("failures", failures);
        xml.WriteAttributeString("errors", "0");
        xml.WriteAttributeString("skipped", "0");
        foreach (RuleCaseResult result in results)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("name", Clean(result.Case.Name));
            xml.WriteAttributeString("classname", Clean(suite));
            if (!result.Passed)
            {
                xml.WriteStartElement("failure");
                xml.WriteAttributeString("message", Clean(result.Message));
                xml.WriteAttributeString("type", "verdict");
                xml.WriteString(Clean($"{result.Case.Origin.File}:{result.Case.Origin.Line.ToString(CultureInfo.InvariantCulture)}: {result.Message}"));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    // "#" would start a TAP directive, and a line break a line of its own.
    private static string Escape(string text) => Clean(text).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("#", "\\#", StringComparison.Ordinal);

    private static string Quote(string text) => "\"" + Clean(text).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    /// <summary>Names come from a file: control characters, which XML has no way to write, become spaces.</summary>
    private static string Clean(string text) => new([.. text.Select(c => char.IsControl(c) || c is '\uFFFE' or '\uFFFF' ? ' ' : c)]);
}
