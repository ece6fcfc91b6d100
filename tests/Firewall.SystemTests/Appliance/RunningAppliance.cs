using System.Diagnostics;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>The published executable, running in a namespace. Its log can be waited for.</summary>
internal sealed class RunningAppliance : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // A child of its own may hold its output open.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly List<string> _log = [];
    private readonly Task _reading;
    private int _streamsOpen = 2;

    private RunningAppliance(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(Read(process.StandardError), Read(process.StandardOutput));
    }

    /// <summary>The executable: FIREWALL_EXECUTABLE, or what `make publish` left in this tree. Skips the test where there is none.</summary>
    public static string Executable
    {
        get
        {
            string? path = Environment.GetEnvironmentVariable("FIREWALL_EXECUTABLE");
            for (DirectoryInfo? folder = new(AppContext.BaseDirectory); path is null && folder is not null; folder = folder.Parent)
            {
                string candidate = Path.Combine(folder.FullName, "artifacts", "firewall");
                if (File.Exists(candidate)) path = candidate;
            }

            Assert.SkipWhen(path is null, "needs artifacts/firewall: run `make publish`");
            return path!;
        }
    }

    /// <summary>Starts <c>firewall run</c>, behind an optional command that changes its circumstances, and waits until it judges packets.</summary>
    public static RunningAppliance Start(NetworkNamespace place, string configuration, params string[] before) =>
        StartAs(place, [.. before, Executable, "run", "--config", configuration]);

    /// <summary>
    /// Starts <c>firewall run</c> with standard output and standard error as pipes that nobody reads, and waits for nothing.
    /// </summary>
    public static RunningAppliance StartUnheard(NetworkNamespace place, string configuration, string folder, params string[] before)
    {
        string[] command = [.. before, Executable, "run", "--config", configuration];
        // Open for reading too, so that they are never without a reader.
        const string unheard = "mkfifo \"$0/out\" \"$0/err\" && exec \"$@\" 1<>\"$0/out\" 2<>\"$0/err\"";
        return new RunningAppliance(place.Start("sh", null, ["-c", unheard, folder, .. command]));
    }

    /// <summary>Starts <c>firewall run</c> and waits for nothing.</summary>
    public static RunningAppliance StartUnwaited(NetworkNamespace place, string configuration) =>
        new(place.Start(Executable, null, "run", "--config", configuration));

    /// <summary>Starts <c>firewall run --take-over</c>, behind an optional command, and waits until it judges packets.</summary>
    public static RunningAppliance Follow(NetworkNamespace place, string configuration, params string[] before) =>
        StartAs(place, [.. before, Executable, "run", "--config", configuration, "--take-over"]);

    /// <summary>Runs <c>firewall run</c> where it must not start, behind an optional command that changes its circumstances.</summary>
    public static (int ExitCode, string Output) Try(NetworkNamespace place, string configuration, params string[] before)
    {
        string[] command = [.. before, Executable, "run", "--config", configuration];
        return place.Try(command[0], command[1..]);
    }

    /// <summary>Runs <c>firewall run --take-over</c> where it must not start.</summary>
    public static (int ExitCode, string Output) TryFollow(NetworkNamespace place, string configuration, params string[] before)
    {
        string[] command = [.. before, Executable, "run", "--config", configuration, "--take-over"];
        return place.Try(command[0], command[1..]);
    }

    /// <summary>All that it has said so far.</summary>
    public string Log
    {
        get
        {
            lock (_log) return string.Join('\n', _log);
        }
    }

    /// <summary>Waits until a line with all these parts was logged, and returns it.</summary>
    public string WaitForLog(params string[] parts)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_log)
        {
            while (true)
            {
                string? line = _log.Find(l => Array.TrueForAll(parts, p => l.Contains(p, StringComparison.Ordinal)));
                if (line is not null) return line;
                TimeSpan left = Patience - Stopwatch.GetElapsedTime(start);
                if (_streamsOpen > 0 && left > TimeSpan.Zero && Monitor.Wait(_log, left)) continue;
                Assert.Fail($"the appliance did not log \"{string.Join("\" and \"", parts)}\", but:\n{string.Join('\n', _log)}");
            }
        }
    }

    /// <summary>Waits until it judges by the policy of this version. A start has 1, each change of the rules adds one.</summary>
    public string WaitForPolicy(int version) => WaitForLog($"Policy {version} in force");

    /// <summary>The process's number.</summary>
    public int Process => _process.Id;

    /// <summary>Its memory in RAM, in bytes.</summary>
    public long ResidentMemory()
    {
        _process.Refresh();
        return _process.WorkingSet64;
    }

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public int Terminate() => Signal("-TERM");

    /// <summary>Sends SIGINT, as Ctrl-C does, and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public int Interrupt() => Signal("-INT");

    /// <summary>Ends it without a chance to clean up.</summary>
    public void Kill()
    {
        _process.Kill();
        Assert.True(_process.WaitForExit(Patience));
    }

    public void Dispose()
    {
        // Politely first: what a killed appliance left for the next one to tidy up would stay, since the namespace goes now.
        if (!_process.HasExited) Shell.Try("kill", ["-TERM", $"{_process.Id}"]);
        if (!_process.WaitForExit(Patience)) Kill();
        _process.Dispose();
    }

    /// <summary>Sends a signal that ends it, and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public int Signal(string name)
    {
        Shell.Run("kill", name, $"{_process.Id}");
        return WaitForEnd();
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public int WaitForEnd()
    {
        Assert.True(_process.WaitForExit(Patience), $"the appliance did not stop:\n{Log}");
        _reading.Wait(LastWords);
        return _process.ExitCode;
    }

    private static RunningAppliance StartAs(NetworkNamespace place, string[] command)
    {
        // Whoever runs the tests in the background may have made them ignore SIGINT, and a child inherits that.
        var appliance = new RunningAppliance(place.Start("env", null, ["--default-signal=INT", .. command]));
        try
        {
            appliance.WaitForLog("Ready: ");
        }
        catch
        {
            appliance.Dispose();
            throw;
        }

        return appliance;
    }

    private async Task Read(StreamReader stream)
    {
        while (await stream.ReadLineAsync() is { } line)
        {
            lock (_log)
            {
                _log.Add(line);
                Monitor.PulseAll(_log);
            }
        }

        lock (_log)
        {
            _streamsOpen--;
            Monitor.PulseAll(_log);
        }
    }
}
