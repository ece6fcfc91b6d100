using System.CommandLine;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Hosting;
using Firewall.Hosting.Handover;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Firewall.Commands;

/// <summary><c>firewall run</c>: the appliance, until it is told to stop.</summary>
internal static class RunCommand
{
    /// <summary>The configuration when none is named.</summary>
    public const string DefaultFile = "firewall.json";

    public static Command Create()
    {
        Option<string> config = new("--config")
        {
            Description = $"Configuration file [default: {DefaultFile}]; environment variables {ConfigurationLoader.EnvironmentPrefix}… override it",
            HelpName = "FILE",
        };
        Option<bool> takeOver = new(Successor.Argument)
        {
            Description = "Follow the instance that runs on the same TUN without losing a packet or a connection; without one start as usual",
        };
        var command = new Command("run", "Run the appliance: take packets from a TUN device, judge them, write back what is allowed") { config, takeOver };
        command.SetAction(parsed => Run(parsed.GetValue(config), new StartMode(parsed.GetValue(takeOver))));
        HelpExamples.Add(
            command,
            "firewall run --config /etc/firewall/firewall.json",
            "firewall run --config /etc/firewall/firewall.json --take-over",
            "FIREWALL__RULES=nsg.json FIREWALL__INTERFACES=eth0,eth1 firewall run");
        return command;
    }

    private static int Run(string? file, StartMode mode)
    {
        var loader = new ConfigurationLoader(file ?? DefaultFile, mayBeMissing: file is null, Environment.GetEnvironmentVariables());
        FirewallOptions options = loader.Load();
        using IHost host = ApplianceHost.Create(loader, options, Platform.Current, mode, FileWatchTiming.Default);
        host.Start();
        host.WaitForShutdown();
        return host.Services.GetRequiredService<Appliance>().Failure is null ? ExitCode.Done : ExitCode.Failed;
    }
}
