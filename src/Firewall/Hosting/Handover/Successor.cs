using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting.Handover;

/// <summary>
/// Starts the successor on SIGUSR2: what stands now at the path that this process was started from, with the same arguments. It belongs to
/// the same service, logs to the same place, and takes over.
/// </summary>
internal static partial class Successor
{
    /// <summary>The option of <c>firewall run</c> that makes a start a take-over.</summary>
    public const string Argument = "--take-over";

    // SIGUSR2 on every Linux architecture that .NET runs on; PosixSignal takes the system's own numbers where it has no name.
    private const PosixSignal UserSignal2 = (PosixSignal)12;

    /// <summary>Starts one each time the signal comes; null where there is no such signal.</summary>
    public static IDisposable? Listen(ILogger logger) => OperatingSystem.IsLinux()
        ? PosixSignalRegistration.Create(UserSignal2, signal =>
        {
            signal.Cancel = true;
            _ = Task.Run(() => Start(logger));
        })
        : null;

    private static async Task Start(ILogger logger)
    {
        if (Environment.ProcessId == 1)
        {
            FirstProcess(logger);
            return;
        }

        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
        string[] arguments = Environment.GetCommandLineArgs()[1..];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        if (!arguments.Contains(Argument)) start.ArgumentList.Add(Argument);
        try
        {
            using Process successor = Process.Start(start)!;
            Started(logger, successor.Id, start.FileName);
            await successor.WaitForExitAsync().ConfigureAwait(false);
            Failed(logger, successor.Id, successor.ExitCode);
        }
        catch (Win32Exception e)
        {
            NotStarted(logger, start.FileName, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Upgrade: process {Process} is {File} as it is now")]
    private static partial void Started(ILogger logger, int process, string file);

    [LoggerMessage(Level = LogLevel.Error, Message = "Upgrade: process {Process} ended with code {Code}")]
    private static partial void Failed(ILogger logger, int process, int code);

    [LoggerMessage(Level = LogLevel.Error, Message = "Upgrade: {File} cannot be started: {Why}")]
    private static partial void NotStarted(ILogger logger, string file, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "Upgrade: a container ends with its first process; start a second container in the same network namespace with --take-over")]
    private static partial void FirstProcess(ILogger logger);
}
