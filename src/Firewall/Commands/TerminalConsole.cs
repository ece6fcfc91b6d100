using Spectre.Console;

namespace Firewall.Commands;

/// <summary>Makes the console that draws tables and progress.</summary>
internal static class TerminalConsole
{
    // Wide enough for a table in a file or a pipe; a terminal knows its own width.
    private const int WidthWithoutTerminal = 160;

    /// <summary>A console on that writer. Without a terminal it draws without colour and cursor movement.</summary>
    public static IAnsiConsole For(TextWriter writer, bool isTerminal)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!isTerminal) console.Profile.Width = WidthWithoutTerminal;
        return console;
    }
}
