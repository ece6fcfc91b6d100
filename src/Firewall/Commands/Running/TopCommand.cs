using System.CommandLine;
using System.Globalization;
using Firewall.Admin;
using Firewall.Admin.Flows;
using Firewall.Control;
using Spectre.Console;

namespace Firewall.Commands.Running;

/// <summary><c>firewall top</c>: what a running appliance does now, again and again.</summary>
internal static class TopCommand
{
    private const int LongestInterval = 60;

    public static Command Create(CommandStreams streams)
    {
        SocketOption socket = new();
        Option<string> interval = new("--interval") { Description = "Seconds between two looks, 1 to 60", HelpName = "SECONDS", DefaultValueFactory = _ => "1" };
        Option<string?> count = new("--count") { Description = "Looks before it ends [default: until q or Ctrl+C]", HelpName = "N" };
        var command = new Command("top", "Show rates, the busiest flows and rules, and drops by reason, live") { interval, count };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            int seconds = Number("--interval", parsed.GetValue(interval)!, LongestInterval);
            int? looks = parsed.GetValue(count) is { } text ? Number("--count", text, int.MaxValue) : null;
            using AdminClient client = socket.Connect(parsed);
            return Show(client, seconds, looks, streams);
        });
        HelpExamples.Add(command, "firewall top", "firewall top --interval 5", "firewall top --count 1");
        return command;
    }

    private static int Number(string option, string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= most
            ? value
            : throw new InvalidInputException([$"{option} is '{text}', but must be a whole number from 1 {(most == int.MaxValue ? "on" : $"to {most}")}"]);

    private static int Show(AdminClient client, int seconds, int? looks, CommandStreams streams)
    {
        IAnsiConsole console = TerminalConsole.For(streams.Out, streams.OutputIsTerminal);
        // The cursor is hidden meanwhile; who interrupts wants it back.
        using var interruption = new Interruption(console);
        CancellationToken stop = interruption.Token;
        try
        {
            TopLook last = Look(client, seconds: 0, stop);
            if (!streams.OutputIsTerminal)
            {
                for (int look = 0; look != looks; look++)
                {
                    TopLook now = Look(client, seconds, stop);
                    console.Write(TopScreen.Of(last, now));
                    last = now;
                }

                return ExitCode.Done;
            }

            console.Live(TopScreen.Of(last, last)).Start(live =>
            {
                for (int look = 0; look != looks && !WantsToQuit(); look++)
                {
                    TopLook now = Look(client, seconds, stop);
                    live.UpdateTarget(TopScreen.Of(last, now));
                    last = now;
                }
            });
            return ExitCode.Done;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Done;
        }
    }

    private static bool WantsToQuit()
    {
        while (!Console.IsInputRedirected && Console.KeyAvailable)
        {
            if (Console.ReadKey(intercept: true).KeyChar is 'q' or 'Q') return true;
        }

        return false;
    }

    // The appliance takes that time to measure its flows; the other figures are those of the end.
    private static TopLook Look(AdminClient client, int seconds, CancellationToken stop)
    {
        IReadOnlyList<FlowRateEntry> flows = seconds == 0
            ? []
            : client.Get(string.Create(CultureInfo.InvariantCulture, $"/v1/flows/top?seconds={seconds}&limit={TopScreen.Rows}"), AdminJson.Default.IReadOnlyListFlowRateEntry, stop);
        return new TopLook(
            client.Get("/v1/status", AdminJson.Default.StatusReport, stop), client.Get("/v1/rules/hits", AdminJson.Default.IReadOnlyListRuleHitStatus, stop), flows);
    }
}
