using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Firewall.SystemTests.Linux;

/// <summary>
/// A network namespace with a unique name, removed with all that runs and lives in it. Left-overs of test runs that were killed are
/// swept when the first one is made. Code runs inside on a thread of its own (<see cref="Inside"/>): what it opens stays inside.
/// </summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const string Prefix = "fwtest";
    private const int NetworkNamespaceFlag = 0x4000_0000;

    private static readonly Lazy<bool> Swept = new(Sweep);
    private static int s_count;

    public NetworkNamespace(string role)
    {
        Root.Require();
        _ = Swept.Value;
        Name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}-{role}");
        Shell.Run("ip", "netns", "add", Name);
        Ip("link", "set", "lo", "up");

        // Link-local addresses that are not usable in the first second would only make tests wait.
        Run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0");
    }

    public string Name { get; }

    /// <summary>Joins two namespaces by a veth pair and brings both ends up.</summary>
    public static void Connect(NetworkNamespace left, string leftName, NetworkNamespace right, string rightName, int mtu = 1500)
    {
        Shell.Run("ip", "link", "add", leftName, "netns", left.Name, "mtu", $"{mtu}", "type", "veth",
            "peer", "name", rightName, "netns", right.Name, "mtu", $"{mtu}");
        left.Ip("link", "set", leftName, "up");
        right.Ip("link", "set", rightName, "up");
    }

    /// <summary>Adds addresses; IPv6 ones without duplicate detection, which would only cost a second.</summary>
    public NetworkNamespace Address(string name, params string[] addresses)
    {
        foreach (string address in addresses)
        {
            if (address.Contains(':', StringComparison.Ordinal)) Ip("addr", "add", address, "dev", name, "nodad");
            else Ip("addr", "add", address, "dev", name);
        }

        return this;
    }

    /// <summary>Adds a default route for the gateway's family.</summary>
    public NetworkNamespace Gateway(params string[] gateways)
    {
        foreach (string gateway in gateways)
            Ip(gateway.Contains(':', StringComparison.Ordinal) ? "-6" : "-4", "route", "add", "default", "via", gateway);
        return this;
    }

    /// <summary>The number of an interface. Not from /sys, which shows the namespace that it was mounted in.</summary>
    public int IndexOf(string name) => int.Parse(Ip("-o", "link", "show", name).Split(':')[0], CultureInfo.InvariantCulture);

    /// <summary>Runs <c>ip</c> in the namespace and returns its output; fails if it fails.</summary>
    public string Ip(params string[] arguments) => Shell.Run("ip", ["-n", Name, .. arguments]);

    /// <summary>Runs a command in the namespace; fails if it fails.</summary>
    public string Run(string command, params string[] arguments) => Shell.Run("ip", ["netns", "exec", Name, command, .. arguments]);

    /// <summary>Runs a command in the namespace and returns its exit code and output.</summary>
    public (int ExitCode, string Output) Try(string command, params string[] arguments) =>
        Shell.Try("ip", ["netns", "exec", Name, command, .. arguments]);

    /// <summary>Starts a command in the namespace; it dies with the namespace at the latest.</summary>
    public Process Start(string command, IReadOnlyDictionary<string, string>? environment = null, params string[] arguments) =>
        Shell.Start("ip", environment, ["netns", "exec", Name, command, .. arguments]);

    /// <summary>Runs code on a new thread that has entered the namespace, and waits for it. Threads that it starts are inside too.</summary>
    public T Inside<T>(Func<T> code)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter();
                result = code();
            }
            catch (Exception caught)
            {
                failure = ExceptionDispatchInfo.Capture(caught);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    /// <inheritdoc cref="Inside{T}"/>
    public void Inside(Action code) => Inside(() =>
    {
        code();
        return 0;
    });

    /// <summary>Everything that routing may change, as text to compare: rules, routes, proxies, and the settings of the network.</summary>
    public string RoutingState()
    {
        string settings = Inside(() => string.Join('\n',
            from file in Directory.EnumerateFiles("/proc/sys/net/ipv4", "*", SearchOption.AllDirectories)
                .Concat(Directory.EnumerateFiles("/proc/sys/net/ipv6", "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal)
            let value = ReadSetting(file)
            where value is not null
            select $"{file} {value}"));
        return string.Join('\n', Ip("rule"), Ip("-6", "rule"), Ip("route", "show", "table", "all"), Ip("-6", "route", "show", "table", "all"),
            Ip("neigh", "show", "proxy"), Ip("-6", "neigh", "show", "proxy"), settings);
    }

    public void Dispose() => Remove(Name);

    private static string? ReadSetting(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null; // write-only, or a key that is not set
        }
    }

    private void Enter()
    {
        using SafeFileHandle file = File.OpenHandle($"/run/netns/{Name}");
        if (SetNamespace((int)file.DangerousGetHandle(), NetworkNamespaceFlag) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"cannot enter the namespace {Name}");
    }

    private static void Remove(string name)
    {
        foreach (string pid in Shell.Try("ip", ["netns", "pids", name]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // A test's own thread may still be inside; that is not somebody to kill.
            if (int.TryParse(pid, out int id) && id != Environment.ProcessId) Shell.Try("kill", ["-9", pid]);
        }

        // What an appliance left for the next one here: a later namespace may have the same number.
        string number = Shell.Try("stat", ["-c", "%i", $"/run/netns/{name}"]).Output.Trim();
        if (number.All(char.IsAsciiDigit) && Directory.Exists("/run/firewall"))
        {
            foreach (string file in Directory.GetFiles("/run/firewall", $"*-{number}.*")) File.Delete(file);
        }

        Shell.Try("ip", ["netns", "del", name]);
    }

    private static bool Sweep()
    {
        foreach (string line in Shell.Run("ip", "netns", "list").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = line.Split(' ')[0];
            string[] parts = name.Split('-');
            if (parts is [Prefix, var pid, ..] && !Directory.Exists($"/proc/{pid}")) Remove(name);
        }

        return true;
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNamespace(int fd, int kind);
}
