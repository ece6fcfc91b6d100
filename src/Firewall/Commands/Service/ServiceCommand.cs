using System.CommandLine;
using Firewall.Hosting;
using Firewall.Hosting.Services;

namespace Firewall.Commands.Service;

/// <summary><c>firewall service</c>: the appliance as a service of Windows.</summary>
internal static class ServiceCommand
{
    public static Command Create(CommandStreams streams)
    {
        var command = new Command("service", "Run the appliance as a Windows service") { Install(streams), Remove(streams) };
        HelpExamples.Add(command, "firewall service install", "firewall service remove");
        return command;
    }

    private static Command Install(CommandStreams streams)
    {
        Option<string> config = new("--config")
        {
            Description = @"Configuration file [default: %ProgramData%\Firewall\firewall.json]",
            HelpName = "FILE",
        };
        var command = new Command("install", "Install the service; it starts with the machine, and logs to the application event log") { config };
        command.SetAction(parsed => Install(parsed.GetValue(config), streams));
        return command;
    }

    private static Command Remove(CommandStreams streams)
    {
        var command = new Command("remove", "Stop and remove the service; configuration and rules stay");
        command.SetAction(_ =>
        {
            if (!OperatingSystem.IsWindows()) throw NotHere();
            ServiceSetup.Remove();
            streams.Out.WriteLine($"service {ServiceSetup.Name} is removed");
            return ExitCode.Done;
        });
        return command;
    }

    private static int Install(string? config, CommandStreams streams)
    {
        if (!OperatingSystem.IsWindows()) throw NotHere();
        string file = Path.GetFullPath(config ?? ProgramData.File("firewall.json"));
        ServiceSetup.Install(file);
        string next = File.Exists(file) ? "" : $"write {file}, then ";
        streams.Out.WriteLine($"service {ServiceSetup.Name} is installed; {next}start it: sc start {ServiceSetup.Name}");
        return ExitCode.Done;
    }

    private static ApplianceException NotHere() => new("a Windows service can be installed on Windows only; elsewhere systemd or a container runs `firewall run`");
}
