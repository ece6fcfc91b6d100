using System.Diagnostics;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>A real sshd in a namespace, with keys made for the test, and the ssh that goes with it.</summary>
internal sealed class SshServer : IDisposable
{
    private readonly TemporaryFolder _files = new();
    private readonly Process _sshd;

    /// <summary>Starts sshd on all addresses of the namespace and waits until it listens.</summary>
    public SshServer(NetworkNamespace place)
    {
        Shell.Run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", _files["host"]);
        Shell.Run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", _files["user"]);
        File.WriteAllText(_files["known_hosts"], $"vm {File.ReadAllText(_files["host.pub"])}");
        File.WriteAllText(_files["sshd_config"], $"""
            HostKey {_files["host"]}
            AuthorizedKeysFile {_files["user.pub"]}
            PidFile none
            PermitRootLogin prohibit-password
            UsePAM no
            UseDNS no
            StrictModes no
            PrintMotd no
            PrintLastLog no

            """);
        // A root account that is locked lets no key in; a private copy of the file says that it has no password instead.
        File.WriteAllLines(_files["shadow"], File.ReadLines("/etc/shadow").Select(l => l.StartsWith("root:", StringComparison.Ordinal) ? "root:*:19000:0:99999:7:::" : l));
        // "ip netns exec" gives the process its own mounts, so the machine's /run and /etc stay as they are.
        _sshd = place.Start("bash", null, "-c",
            "mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount --bind \"$1\" /etc/shadow && exec \"$(command -v sshd)\" -D -e -f \"$0\"",
            _files["sshd_config"], _files["shadow"]);
        List<string> said = [];
        while (_sshd.StandardError.ReadLine() is { } line)
        {
            said.Add(line);
            if (!line.Contains("listening on ::", StringComparison.Ordinal)) continue;
            _ = _sshd.StandardError.ReadToEndAsync();
            return;
        }

        Dispose();
        throw new InvalidOperationException($"sshd did not start:\n{string.Join('\n', said)}");
    }

    /// <summary>Runs a command over ssh; 255 and "timed out" is what somebody sees who is denied.</summary>
    public (int ExitCode, string Output) Try(NetworkNamespace client, string address, string command = "echo hello") =>
        client.Try("ssh", Arguments(address, command));

    /// <summary>Fails unless a command over ssh is answered.</summary>
    public void Connects(NetworkNamespace client, string address) => Assert.Equal((0, "hello\n"), Try(client, address));

    /// <summary>Fails unless ssh times out.</summary>
    public void TimesOut(NetworkNamespace client, string address)
    {
        (int code, string output) = Try(client, address);
        Assert.Contains("timed out", output, StringComparison.Ordinal);
        Assert.Equal(255, code);
    }

    /// <summary>Starts a session whose command runs until its standard input ends: what is written to it comes back.</summary>
    public Process StartSession(NetworkNamespace client, string address) => client.Start("ssh", null, Arguments(address, "cat"));

    /// <summary>Writes a line into a session and returns what comes back, or null if nothing came in time.</summary>
    public static string? Say(Process session, string line)
    {
        session.StandardInput.WriteLine(line);
        session.StandardInput.Flush();
        ValueTask<string?> answer = session.StandardOutput.ReadLineAsync(new CancellationTokenSource(TimeSpan.FromSeconds(4)).Token);
        try
        {
            return answer.AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        if (!_sshd.HasExited) _sshd.Kill(entireProcessTree: true);
        _sshd.Dispose();
        _files.Dispose();
    }

    private string[] Arguments(string address, string command) =>
    [
        "-F", "none", "-i", _files["user"], "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
        "-o", $"UserKnownHostsFile={_files["known_hosts"]}", "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
        "-o", "HostKeyAlias=vm", "-o", "ConnectTimeout=2", $"root@{address}", command,
    ];
}
