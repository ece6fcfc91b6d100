using Spectre.Console;

namespace Firewall.Commands.Replay;

/// <summary>Draws how far a replay is, on a terminal, and nothing anywhere else. A short replay is over before anything is drawn.</summary>
internal static class ReplayProgress
{
    /// <summary>Runs the work. It is given an action that it calls now and then with what it has done, from 0 to 1.</summary>
    public static void Run(CommandStreams streams, string title, Action<Action<double>?> work)
    {
        if (!streams.ErrorIsTerminal)
        {
            work(null);
            return;
        }

        TerminalConsole.For(streams.Error, isTerminal: true).Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: 1);
                work(done => task.Value = done);
            });
    }
}
