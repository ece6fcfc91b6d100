using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Probing;
using Firewall.Devices.Linux.Routing;
using Firewall.SystemTests.Flows;

namespace Firewall.SystemTests.Linux;

/// <summary>
/// This test program started again as another one: with a verb in the environment it does that instead of testing.
/// For what needs a process of its own, such as being killed or having fewer capabilities.
/// </summary>
internal static class Child
{
    private const string Variable = "FIREWALL_TEST_CHILD";

    /// <summary>Runs a verb to its end, behind an optional command that changes its privileges.</summary>
    public static (int ExitCode, string Output) Try(NetworkNamespace place, string verb, params string[] before)
    {
        string[] command = [.. before, Environment.ProcessPath!];
        return place.Try("env", [$"{Variable}={verb}", .. command]);
    }

    /// <summary>Starts a verb, behind an optional command that changes its privileges, and waits for the line "ready".</summary>
    public static Process Start(NetworkNamespace place, string verb, params string[] before)
    {
        string[] command = [.. before, Environment.ProcessPath!];
        Process child = place.Start(command[0], new Dictionary<string, string> { [Variable] = verb }, command[1..]);
        string? line = child.StandardOutput.ReadLine();
        return line == "ready" ? child : throw new InvalidOperationException($"child {verb}: {line} {child.StandardError.ReadToEnd()}");
    }

    /// <summary>Starts a verb that needs no namespace, and waits for the line "ready".</summary>
    public static Process Start(string verb)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment[Variable] = verb;
        Process child = Process.Start(start)!;
        string? line = child.StandardOutput.ReadLine();
        return line == "ready" ? child : throw new InvalidOperationException($"child {verb}: {line} {child.StandardError.ReadToEnd()}");
    }

    /// <summary>The process behind <c>ip netns exec</c>, which replaces itself by it: the same number.</summary>
    public static int PidOf(Process child) => child.Id;

    /// <summary>Runs a verb where /proc/sys cannot be written, as in most containers.</summary>
    public static (int ExitCode, string Output) TryWithReadOnlySettings(NetworkNamespace place, string verb) => place.Try("unshare",
        "--mount", "sh", "-c", $"mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && {Variable}='{verb}' exec '{Environment.ProcessPath}'");

    /// <summary>For Main: does the verb and returns the exit code, or null if this is a test run.</summary>
    public static int? TryRun()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } verb) return null;
        try
        {
            Run(verb.Split(' '));
            return 0;
        }
        catch (IOException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }

    private static void Run(string[] words)
    {
        switch (words[0])
        {
            case "open-tun":
                LinuxTunDevice.Open(new TunOptions()).Dispose();
                break;
            case "probe":
                OffloadFindings findings = OffloadProbe.Run("/dev/net/tun", TunOffloads.All);
                for (int i = 0; i < 10 && findings.Untested is not null; i++) findings = OffloadProbe.Run("/dev/net/tun", TunOffloads.All);
                Console.WriteLine($"{findings.Misbehaving}, {findings.Untested ?? "all tried"}");
                break;
            case "flow-churn": // a file and a seed
                FlowChurn.Run(words[1], int.Parse(words[2], CultureInfo.InvariantCulture));
                break;
            case "squat": // a name of a Unix socket, and how it is held
                using (Squat($"\0{words[1]}", words[2]))
                {
                    Console.WriteLine("ready");
                    Thread.Sleep(Timeout.Infinite);
                }

                break;
            case "carry": // a name: carry until somebody ends us; for benchmarks of the bare loop
                using (new PassThrough(new TunOptions { Name = words[1] }))
                {
                    Console.WriteLine("ready");
                    Thread.Sleep(Timeout.Infinite);
                }

                break;
            case "gateway" or "host":
                using (new PassThrough())
                {
                    Routing(words).Apply();
                    Console.WriteLine("ready");
                    Thread.Sleep(Timeout.Infinite);
                }

                break;
            case "gateway-once" or "host-once": // prints what the kernel's settings are while routing is applied
                using (new PassThrough())
                {
                    RoutingControl routing = Routing(words);
                    routing.Apply();
                    string[] settings = ["fw0/rp_filter", "fw0/forwarding", $"{words[2]}/forwarding"];
                    Console.WriteLine(string.Join(' ', settings.Select(setting => File.ReadAllText($"/proc/sys/net/ipv4/conf/{setting}").Trim())));
                    routing.Remove();
                }

                break;
            default:
                throw new IOException($"unknown verb {words[0]}");
        }
    }

    // Bound alone it refuses connections; full it lets them wait.
    private static Socket Squat(string name, string how)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(name));
        if (how == "bound") return socket;
        socket.Listen(0);
        if (how != "full") return socket;
        try
        {
            while (true) new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendTimeout = 1 }.Connect(new UnixDomainSocketEndPoint(name));
        }
        catch (SocketException)
        {
            return socket;
        }
    }

    private static RoutingControl Routing(string[] words)
    {
        var options = new RoutingOptions
        {
            TunName = "fw0",
            StateDirectory = words[1],
            Interfaces = [.. words.Skip(2).Where(word => word != "no-ipv6")],
            IPv6 = !words.Contains("no-ipv6"),
        };
        return words[0].StartsWith("host", StringComparison.Ordinal) ? new HostRouting(options) : new GatewayRouting(options);
    }
}
