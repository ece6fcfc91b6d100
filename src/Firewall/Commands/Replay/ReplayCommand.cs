using System.CommandLine;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Captures;
using Firewall.Devices.Linux;
using Firewall.Hosting;

namespace Firewall.Commands.Replay;

/// <summary><c>firewall replay</c>: what would the firewall have done with the packets of a capture?</summary>
internal static class ReplayCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> capture = new("CAPTURE") { Description = "Capture file, pcap or pcapng; - for standard input" };
        Option<string> rules = Options.Rules();
        Option<IpPrefix[]> network = Options.VirtualNetwork();
        Option<string?> serviceTags = Options.ServiceTags();
        Option<string?> verdicts = File("--verdicts", "Write one JSON object a line for each IP packet (ports are 0 for protocols that have none, null where they could not be read); - for standard output", "FILE|-");
        Option<string?> allowed = File("--allowed", "Write the allowed packets to a capture", "FILE");
        Option<string?> denied = File("--denied", "Write the denied packets to a capture", "FILE");
        Option<OutputFormat> format = Options.Format();
        var command = new Command("replay", "Run a capture through the firewall, with the capture's times as the clock")
        {
            capture, rules, network, serviceTags, verdicts, allowed, denied, format,
        };
        command.SetAction(parsed => Run(
            new ReplayRequest(
                parsed.GetRequiredValue(capture),
                parsed.GetRequiredValue(rules),
                parsed.GetValue(serviceTags),
                parsed.GetValue(network) is { Length: > 0 } prefixes ? prefixes : null,
                parsed.GetValue(verdicts),
                parsed.GetValue(allowed),
                parsed.GetValue(denied),
                parsed.GetValue(format)),
            streams));
        HelpExamples.Add(
            command,
            "firewall replay capture.pcap --rules nsg.json",
            "firewall replay capture.pcapng --rules nsg.json --vnet 10.20.0.0/16 --verdicts verdicts.jsonl --denied denied.pcap --format json",
            "tcpdump -i eth0 -w - -c 1000 | firewall replay - --rules nsg.json --verdicts -");
        return command;
    }

    private static int Run(ReplayRequest request, CommandStreams streams)
    {
        if (request.Problems() is { Count: > 0 } problems) throw new InvalidInputException(problems);
        PolicyOptions options = new();
        if (request.VirtualNetwork is { } prefixes) options = options with { VirtualNetwork = prefixes };
        var catalog = new RuleCatalog();
        Policy policy = RuleInputs.Read(request.Rules, request.ServiceTags)
            .Compile(options, catalog, version: 1, out IReadOnlyList<RuleFinding> warnings);
        foreach (RuleFinding warning in warnings) streams.WriteError(warning.ToString());

        using CaptureReader capture = Open(request.Capture, streams);
        using var outputs = new ReplayOutputs(request, capture, catalog, streams);
        using var replay = new ReplayRun(capture, policy, outputs);
        // Lines that run over a terminal would tear the bar apart.
        bool linesOnTerminal = request.Verdicts == ReplayRequest.Standard && streams.OutputIsTerminal;
        int code = Replay(capture, replay, outputs, linesOnTerminal ? null : capture.TotalBytes, streams);
        // With the lines on standard output, a summary in between would be no line that a program expects.
        replay.Summary.Write(request.Verdicts == ReplayRequest.Standard ? streams.Error : streams.Out, request.Format);
        if (outputs.LeftOut > 0)
        {
            streams.WriteError($"note: {outputs.LeftOut} packets have another link type than the first ones and were left out of --allowed and --denied");
        }

        return code;
    }

    // Whatever ends the replay: what was judged before is written, and the summary follows.
    private static int Replay(CaptureReader capture, ReplayRun replay, ReplayOutputs outputs, long? bytes, CommandStreams streams)
    {
        string? problem = null;
        int code = ExitCode.Done;
        using (var interruption = new Interruption(TerminalConsole.For(streams.Error, streams.ErrorIsTerminal)))
        {
            try
            {
                ReplayProgress.Run(streams, $"replaying {capture.Name}", bytes, report => replay.Run(report, interruption.Token));
                if (interruption.Token.IsCancellationRequested) (code, problem) = (ExitCode.Failed, "interrupted; what follows is about the packets before");
            }
            catch (BrokenPipeException)
            {
                // The captures are whole nevertheless.
                outputs.Finish();
                throw;
            }
            catch (CaptureException e)
            {
                (code, problem) = (ExitCode.Invalid, e.Message);
            }
            catch (Exception e) when (e is ApplianceException or IOException)
            {
                (code, problem) = (ExitCode.Failed, e.Message);
            }
        }

        try
        {
            outputs.Finish();
        }
        catch (ApplianceException e)
        {
            (code, problem) = (ExitCode.Failed, problem ?? e.Message);
        }

        if (problem is not null) streams.WriteError(problem);
        return code;
    }

    private static CaptureReader Open(string capture, CommandStreams streams)
    {
        try
        {
            return capture == ReplayRequest.Standard ? CaptureReader.Open(streams.Input, "standard input") : CaptureReader.OpenFile(capture);
        }
        catch (CaptureException e)
        {
            throw new InvalidInputException(e.Message);
        }
    }

    private static Option<string?> File(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };
}
