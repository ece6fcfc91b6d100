using Firewall.Activity;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Devices.Windows.Services;
using Firewall.JustInTime;
using Firewall.Logs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Hosting.WindowsServices;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>Puts the appliance together on the generic host, which brings signals, logging and the order of start and stop.</summary>
internal static class ApplianceHost
{
    /// <summary>The name of the service of Windows, and of its source in the event log.</summary>
    public const string ServiceName = "firewall";

    /// <summary>Makes the host; nothing runs yet.</summary>
    /// <param name="loader">Where the configuration comes from, for reloads.</param>
    /// <param name="options">The configuration as it was loaded just now.</param>
    /// <param name="platform">The operating system.</param>
    /// <param name="mode">How it begins.</param>
    /// <param name="watchTiming">How patient the file watch is.</param>
    public static IHost Create(
        ConfigurationLoader loader, FirewallOptions options, Func<ILogger, IPlatform> platform, StartMode mode, FileWatchTiming watchTiming)
    {
        // Empty: the defaults would search appsettings.json and more, of which we want nothing and which costs time.
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "firewall" });
        IServiceCollection services = builder.Services;
        services.Configure<ConsoleLifetimeOptions>(o => o.SuppressStatusMessages = true);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ISystemdNotifier>(new SystemdNotifier());
        services.AddSingleton<Systemd>();
        services.AddSingleton(s => platform(s.GetRequiredService<ILoggerFactory>().CreateLogger(LogArea.Appliance)));
        services.AddSingleton(mode);
        services.AddSingleton(watchTiming);
        services.AddSingleton<LogLosses>();
        services.AddSingleton<PolicyStore>();
        services.AddSingleton(s =>
        {
            string? path = options.ActivityLogFile ?? s.GetRequiredService<IPlatform>().ActivityLogFile(options);
            var scope = new ActivityScope(options.FlowLogs.SubscriptionId, options.FlowLogs.ResourceGroup, options.FlowLogs.Region);
            return new ActivityLog(path == FirewallOptions.NoFile ? null : path, scope, TimeProvider.System, s.GetRequiredService<ILoggerFactory>().CreateLogger(LogArea.Appliance));
        });
        services.AddSingleton(s => new JitAccess(
            options.JustInTime.State ?? s.GetRequiredService<IPlatform>().JitStateFile(options),
            s.GetRequiredService<ActivityLog>(),
            TimeProvider.System,
            s.GetRequiredService<ILoggerFactory>().CreateLogger(LogArea.Policy)));
        services.AddSingleton(s => new PolicyReloader(
            loader,
            options,
            s.GetRequiredService<PolicyStore>(),
            s.GetRequiredService<LogLevels>(),
            s.GetRequiredService<IPlatform>().ProtectedAddresses,
            s.GetRequiredService<JitAccess>(),
            s.GetRequiredService<ActivityLog>(),
            s.GetRequiredService<ILoggerFactory>().CreateLogger(LogArea.Policy)));
        services.AddSingleton<Appliance>();
        services.AddHostedService(s => s.GetRequiredService<Appliance>());
        bool isService = OperatingSystem.IsWindows() && WindowsServiceHelpers.IsWindowsService();
        if (isService && OperatingSystem.IsWindows())
        {
            services.Configure<WindowsServiceLifetimeOptions>(o => o.ServiceName = ServiceName);
            services.AddSingleton<IHostLifetime, WindowsServiceLifetime>();
        }

        AddLogging(builder, isService);
        return builder.Build();
    }

    private static void AddLogging(HostApplicationBuilder builder, bool isService)
    {
        var levels = new LogLevels();
        if (isService)
        {
            builder.Services.AddSingleton(levels);
            builder.Logging.SetMinimumLevel(LogLevel.Trace);
            builder.Logging.AddFilter(levels.IsEnabled);
            builder.Logging.AddProvider(new EventLogProvider(new EventLogSource(ServiceName)));
            return;
        }

        // systemd sets it for services whose output is the journal (systemd.exec(5)).
        bool journal = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("JOURNAL_STREAM")) && Console.IsErrorRedirected;
        builder.Services.AddSingleton(levels);
        builder.Logging.SetMinimumLevel(LogLevel.Trace);
        builder.Logging.AddFilter(levels.IsEnabled);
        // Standard output is for results; a running appliance has none. The container disposes what it has made: then the last lines are written.
        builder.Services.AddSingleton<ILoggerProvider>(s =>
            new LineLogProvider(new LineFormatter(TimeProvider.System, journal), StandardOutputs.WriteError, s.GetRequiredService<LogLosses>()));
    }
}
