using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Firewall.Commands;

/// <summary>Adds examples below a command's help: most people read those first.</summary>
internal static class HelpExamples
{
    /// <summary>Adds a help option to the command that prints the library's help and then these lines.</summary>
    public static void Add(Command command, params string[] examples)
    {
        HelpOption? help = command.Options.OfType<HelpOption>().FirstOrDefault();
        if (help is null) command.Options.Add(help = new HelpOption());
        help.Action = new HelpWithExamples(examples);
    }

    private sealed class HelpWithExamples(string[] examples) : SynchronousCommandLineAction
    {
        private readonly HelpAction _help = new();

        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            _help.Invoke(parseResult);
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (string example in examples) output.WriteLine($"  {example}");
            output.WriteLine();
            return ExitCode.Done;
        }
    }
}
