using System.CommandLine;
using System.CommandLine.Invocation;
using Firewall.Commands.Activity;
using Firewall.Commands.Replay;
using Firewall.Commands.Rules;
using Firewall.Commands.Running;
using Firewall.Commands.Service;
using Firewall.Control;
using Firewall.Devices.Linux;
using Firewall.Hosting;

namespace Firewall.Commands;

/// <summary>The command line: parses, runs the command, and turns whatever goes wrong into clear lines and an exit code.</summary>
internal static class FirewallCommand
{
    private const string Description =
        "A userspace, stateful firewall with the rules of Azure network security groups.";

    /// <summary>Runs the program.</summary>
    /// <param name="args">The arguments without the program's name.</param>
    /// <param name="streams">Where to read and write.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(IReadOnlyList<string> args, CommandStreams streams)
    {
        RootCommand root = Create(streams);
        // "@file" is no response file here: an argument that begins with '@' is what it is.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            UsageErrors.Write(parsed, streams);
            return ExitCode.Invalid;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = streams.Out,
                Error = streams.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (InvalidInputException e)
        {
            foreach (string problem in e.Problems) streams.WriteError(problem);
            return ExitCode.Invalid;
        }
        catch (BrokenPipeException)
        {
            return ExitCode.BrokenPipe;
        }
        catch (Exception e) when (e is ApplianceException or IOException or UnauthorizedAccessException)
        {
            streams.WriteError(e.Message);
            return ExitCode.Failed;
        }
#pragma warning disable CA1031 // The last stop before the user: a stack trace would help nobody there.
        catch (Exception e)
        {
            streams.WriteError($"internal error, please report it: {e.GetType().Name}: {e.Message}");
            return ExitCode.Failed;
        }
#pragma warning restore CA1031
    }

    private static RootCommand Create(CommandStreams streams)
    {
        var root = new RootCommand(Description) { HelpName = "firewall" };
        root.Subcommands.Add(RunCommand.Create());
        root.Subcommands.Add(ReplayCommand.Create(streams));
        root.Subcommands.Add(VerifyCommand.Create(streams));
        root.Subcommands.Add(RulesCommand.Create(streams));
        root.Subcommands.Add(ActivityCommands.Create(streams));
        root.Subcommands.Add(StatusCommand.Create(streams));
        root.Subcommands.Add(TopCommand.Create(streams));
        root.Subcommands.Add(FlowsCommand.Create(streams));
        root.Subcommands.Add(DropsCommand.Create(streams));
        root.Subcommands.Add(JitCommand.Create(streams));
        root.Subcommands.Add(ServiceCommand.Create(streams));
        ProgramVersion.Use(root);
        HelpExamples.Add(
            root,
            "firewall verify --rules nsg.json --direction Inbound --protocol Tcp --local 10.0.0.4:22 --remote 203.0.113.5:*",
            "firewall replay capture.pcap --rules nsg.json --verdicts -",
            "firewall run --config firewall.json");
        return root;
    }
}
