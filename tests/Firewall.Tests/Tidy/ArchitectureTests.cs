using System.Reflection;
using System.Text.RegularExpressions;
using Firewall.Core.Dataplane;
using Firewall.Devices.Captures;
using Xunit;

namespace Firewall.Tests.Tidy;

/// <summary>Holds the shape that docs/ARCHITECTURE.md draws: three rings, five rooms inside Core, unsafe code in named files.</summary>
public sealed partial class ArchitectureTests
{
    /// <summary>Room of Core → the rooms it may know.</summary>
    private static readonly Dictionary<string, string[]> Rooms = new()
    {
        ["Packets"] = [],
        ["Rules"] = ["Packets"],
        ["Flows"] = ["Packets"],
        ["Engine"] = ["Packets", "Rules", "Flows"],
        ["Dataplane"] = ["Packets", "Rules", "Flows", "Engine"],
    };

    /// <summary>Where Linux is taken for granted, and nobody comes on another system.</summary>
    private static readonly string[] LinuxAlone =
    [
        "src/Firewall.Devices/Linux/",
        "src/Firewall/Hosting/LinuxPlatform.cs",
        "src/Firewall/Hosting/InstanceLock.cs",
        "src/Firewall/Hosting/RunFile.cs",
        "src/Firewall/Hosting/RunningInstance.cs",
        "src/Firewall/Activity/UserNames.cs", // of who asks over a Unix socket
    ];

    [Fact]
    public void Core_references_nothing_but_the_framework_and_PacketDotNet() =>
        Assert.Equal(["PacketDotNet"], ForeignReferences(typeof(PacketBatch).Assembly));

    [Fact]
    public void Devices_references_only_Core() =>
        Assert.Equal(["Firewall.Core"], ForeignReferences(typeof(CaptureReader).Assembly).Where(static name => name != "PacketDotNet"));

    [Fact]
    public void Inside_Core_dependencies_point_down()
    {
        var wrong = new List<string>();
        foreach (string file in SourceTree.Files("src/Firewall.Core", "*.cs"))
        {
            string room = SourceTree.Relative(file).Split('/')[2];
            Assert.True(Rooms.ContainsKey(room), $"{SourceTree.Relative(file)} is in no known room");
            foreach (Match use in CoreNamespace().Matches(File.ReadAllText(file)))
            {
                string used = use.Groups[1].Value;
                if (used != room && !Rooms[room].Contains(used)) wrong.Add($"{SourceTree.Relative(file)} uses {used}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Core_reads_no_clock_and_does_no_input_or_output()
    {
        var wrong = new List<string>();
        foreach (string file in SourceTree.Files("src/Firewall.Core", "*.cs"))
        {
            string code = Comments().Replace(File.ReadAllText(file), "");
            foreach (Match use in Banned().Matches(code)) wrong.Add($"{SourceTree.Relative(file)}: {use.Value}");
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Unsafe_code_stands_in_files_that_say_so()
    {
        IEnumerable<string> wrong = SourceTree.Files("src", "*.cs")
            .Where(static file => !file.EndsWith(".Unsafe.cs", StringComparison.Ordinal))
            .Where(static file => UnsafeCode().IsMatch(Comments().Replace(File.ReadAllText(file), "")))
            .Select(SourceTree.Relative);
        Assert.Empty(wrong);
    }

    [Fact]
    public void What_only_Linux_has_is_used_where_somebody_asks_for_the_system()
    {
        IEnumerable<string> wrong = SourceTree.Files("src", "*.cs")
            .Where(static file => !LinuxAlone.Any(place => SourceTree.Relative(file).StartsWith(place, StringComparison.Ordinal)))
            .Select(static file => (Name: SourceTree.Relative(file), Code: Comments().Replace(File.ReadAllText(file), "")))
            .Where(static file => LinuxOnly().IsMatch(file.Code) && !file.Code.Contains("OperatingSystem.Is", StringComparison.Ordinal))
            .Select(static file => file.Name);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_drop_reason_is_explained_to_operators()
    {
        string page = SourceTree.Read("docs/DROP-REASONS.md");
        foreach (string reason in Enum.GetNames<Core.Engine.VerdictReason>()) Assert.Contains($"### {reason}\n", page, StringComparison.Ordinal);
        foreach (string detail in Enum.GetNames<Core.Packets.MalformedReason>().Where(static name => name != "None"))
        {
            Assert.Contains($"| `{detail}` |", page, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<string> ForeignReferences(Assembly assembly) => assembly.GetReferencedAssemblies()
        .Select(static name => name.Name!)
        .Where(static name => !name.StartsWith("System.", StringComparison.Ordinal) && name is not ("System" or "mscorlib" or "netstandard"))
        .Order();

    [GeneratedRegex(@"Firewall\.Core\.(\w+)")]
    private static partial Regex CoreNamespace();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comments();

    [GeneratedRegex(@"\b(DateTime(Offset)?\.(Utc)?Now|Stopwatch|Environment\.TickCount(64)?|TimeProvider|Console\.|(File|Directory)\.(Read|Write|Open|Append|Create|Delete|Exists|Move|Copy|Enumerate|Get)\w*|Socket\b|Thread\.Sleep|Task\.Run|new Thread|ILogger)")]
    private static partial Regex Banned();

    // Paths, permissions and signals that Windows has not, and line ends that are taken from the system.
    [GeneratedRegex("""UnixFileMode|UnixDomainSocket|PosixSignal\.(?!SIGINT|SIGTERM)|Environment\.NewLine|"/(proc|run|dev|etc|var|sys|tmp)/""")]
    private static partial Regex LinuxOnly();

    [GeneratedRegex(@"\bunsafe\b|\bfixed\s*\(")]
    private static partial Regex UnsafeCode();
}
