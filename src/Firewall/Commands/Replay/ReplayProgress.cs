using Spectre.Console;

namespace Firewall.Commands.Replay;

/// <summary>Draws how far a long replay is, on a terminal, and nothing anywhere else.</summary>
internal static class ReplayProgress
{
    // Below this a replay is over before anybody could read the bar.
    private const long LeastBytes = 32 * 1024 * 1024;

    /// <summary>Runs the work. It is given an action that it calls now and then with what it has done, from 0 to 1.</summary>
    /// <param name="streams">Progress goes to standard error.</param>
    /// <param name="title">Stands before the bar.</param>
    /// <param name="bytes">The capture's length; null if it cannot be known, and then there is no bar.</param>
    /// <param name="work">What to do.</param>
    public static void Run(CommandStreams streams, string title, long? bytes, Action<Action<double>?> work)
    {
        if (!streams.ErrorIsTerminal || bytes is null or < LeastBytes)
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
