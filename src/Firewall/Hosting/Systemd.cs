using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Firewall.Logs;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>
/// Tells a service manager how the appliance is (sd_notify(3)); does nothing where there is none. One that does not listen is no reason to stop
/// judging packets: it is logged once, and told again with the next message.
/// </summary>
internal sealed partial class Systemd(ISystemdNotifier notifier, ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger(LogArea.Appliance);
    private int _isDeaf;

    /// <summary>Packets are being judged.</summary>
    public void Ready(string status) => Send($"READY=1\nSTATUS={OneLine(status)}");

    /// <summary>This process takes over from the one that the service manager started: to be told before that one ends, with which the service would end.</summary>
    public void TakeOver() => Send(string.Create(CultureInfo.InvariantCulture, $"MAINPID={Environment.ProcessId}\nWATCHDOG=1"));

    /// <summary>A reload begins; <see cref="Ready"/> ends it.</summary>
    public void Reloading()
    {
        // Type=notify-reload wants CLOCK_MONOTONIC in microseconds, which is what the stopwatch reads on Linux.
        long microseconds = (long)(Stopwatch.GetTimestamp() * (1_000_000.0 / Stopwatch.Frequency));
        Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// <summary>The appliance is going down.</summary>
    public void Stopping() => Send("STOPPING=1\nSTATUS=stopping");

    /// <summary>The appliance is alive; a unit with <c>WatchdogSec=</c> restarts one that does not say so.</summary>
    public void Alive() => Send("WATCHDOG=1");

    /// <summary>So often at least must it be said; null if nobody waits for it (sd_watchdog_enabled(3)).</summary>
    public TimeSpan? Watchdog { get; } =
        notifier.IsEnabled && long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out long interval)
        && interval > 0
            ? TimeSpan.FromMicroseconds(interval) / 2
            : null;

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private void Send(string state)
    {
        if (!notifier.IsEnabled) return;
        try
        {
            notifier.Notify(new ServiceState(state));
            Volatile.Write(ref _isDeaf, 0);
        }
        catch (SocketException e)
        {
            if (Interlocked.Exchange(ref _isDeaf, 1) == 0) NotHeard(_logger, Environment.GetEnvironmentVariable("NOTIFY_SOCKET"), e.SocketErrorCode.ToString());
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The service manager cannot be told how this appliance is: nobody listens at {Socket}, which NOTIFY_SOCKET names ({Why})")]
    private static partial void NotHeard(ILogger logger, string? socket, string why);
}
