using System.CommandLine;
using System.CommandLine.Parsing;
using Firewall.Control;

namespace Firewall.Commands;

/// <summary>Tells what is wrong with a command line: one line for each error, what may have been meant, and where help is.</summary>
internal static class UsageErrors
{
    public static void Write(ParseResult parsed, CommandStreams streams)
    {
        Command command = parsed.CommandResult.Command;
        string name = FullName(parsed.CommandResult);
        bool isGroup = command.Subcommands.Count > 0;
        if (isGroup && parsed.UnmatchedTokens.Count == 0)
        {
            streams.WriteError($"no command given{(name.Length > 0 ? $" after '{name.TrimEnd()}'" : "")}; there are {Enumerate(command.Subcommands.Select(c => c.Name))}");
        }
        else
        {
            // Behind a command that is not known, everything is unknown: that would tell nothing.
            foreach (string token in parsed.UnmatchedTokens.Take(isGroup ? 1 : int.MaxValue)) streams.WriteError(Unmatched(token, command));
            foreach (ParseError error in parsed.Errors.Where(e => !IsAboutUnmatched(e, parsed, isGroup))) streams.WriteError(error.Message.TrimEnd('.'));
        }

        streams.WriteError($"see 'firewall {name}--help'");
    }

    // "rules lint ", or nothing for the root.
    private static string FullName(CommandResult result)
    {
        string name = "";
        for (SymbolResult? at = result; at is CommandResult { Command: not RootCommand } command; at = at.Parent) name = $"{command.Command.Name} {name}";
        return name;
    }

    private static string Unmatched(string token, Command command)
    {
        bool isOption = token.StartsWith('-') && token.Length > 1;
        IEnumerable<string> known = isOption
            ? command.Options.Where(o => !o.Hidden).SelectMany(o => (string[])[o.Name, .. o.Aliases])
            : command.Subcommands.Select(c => c.Name);
        string what = isOption ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
        return $"unknown {what} '{token}'{NearestWord.Suggestion(token, known)}";
    }

    // The library's own words for what was said better above.
    private static bool IsAboutUnmatched(ParseError error, ParseResult parsed, bool isGroup) =>
        isGroup || parsed.UnmatchedTokens.Any(t => error.Message.Contains($"'{t}'", StringComparison.Ordinal));

    private static string Enumerate(IEnumerable<string> words) => string.Join(", ", words);
}
