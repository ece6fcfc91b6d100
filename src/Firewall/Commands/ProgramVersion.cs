using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;

namespace Firewall.Commands;

/// <summary>What <c>--version</c> prints: the version, and the commit it was built from.</summary>
internal static class ProgramVersion
{
    /// <summary>For example "0.1.0+47f154c…".</summary>
    public static string Text { get; } =
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Makes the root command print it. The library would ask the entry assembly, which in a test is another.</summary>
    public static void Use(RootCommand root)
    {
        foreach (VersionOption option in root.Options.OfType<VersionOption>()) option.Action = new PrintAction();
    }

    private sealed class PrintAction : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"firewall {Text}");
            return ExitCode.Done;
        }
    }
}
