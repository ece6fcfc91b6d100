using System.Net;
using System.Net.Sockets;
using System.Text;
using Firewall.Admin;
using Firewall.Commands.Running;
using Firewall.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>What the command line does with appliances and proxies that are not as they should be.</summary>
public sealed class AdminClientTests : IDisposable
{
    private const string Token = "reader-0123456789abcdef0123456789abcdef";
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);

    private readonly TcpListener _appliance = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _patience = new(Guard);

    public AdminClientTests() => _appliance.Start();

    private int Port => ((IPEndPoint)_appliance.LocalEndpoint).Port;

    public void Dispose()
    {
        _appliance.Dispose();
        _patience.Dispose();
    }

    [Fact]
    public async Task A_proxy_gets_no_token_to_see()
    {
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        IWebProxy before = HttpClient.DefaultProxy;
        HttpClient.DefaultProxy = new ProxyOfOnePort(Port, (IPEndPoint)proxy.LocalEndpoint);
        try
        {
            Task<string> toProxy = AnswerAsync(proxy, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
            Task<string> toAppliance = AnswerAsync(_appliance, Whole("application/json", """{"name":"reader-token","role":"Reader"}"""));
            using var plain = new AdminClient(new Uri($"http://127.0.0.1:{Port}"), Token, null);
            Assert.Equal("Reader", plain.Get("/v1/caller", AdminJson.Default.CallerStatus).Role);
            Assert.Contains(Token, await toAppliance, StringComparison.Ordinal);
            Assert.False(toProxy.IsCompleted);

            using var sealedUp = new AdminClient(new Uri($"https://127.0.0.1:{Port}"), Token, null);
            Assert.Throws<ApplianceException>(() => sealedUp.Get("/v1/caller", AdminJson.Default.CallerStatus));
            string told = await toProxy;
            Assert.StartsWith($"CONNECT 127.0.0.1:{Port} ", told, StringComparison.Ordinal);
            Assert.DoesNotContain(Token, told, StringComparison.Ordinal);
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }
    }

    [Fact]
    public async Task Half_an_answer_is_told_as_such_and_takes_the_place_of_no_capture()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "files with a mode");
        using var folder = new TempFolder();
        string token = folder.Write("reader.token", Token);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(token, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        folder.Write("drops.pcapng", "an older one");
        foreach (string file in (string[])[folder["drops.pcapng"], "-"])
        {
            Task answered = AnswerAsync(_appliance, "HTTP/1.1 200 OK\r\nContent-Type: application/x-pcapng\r\nContent-Length: 1000\r\n\r\nonly this");
            CommandRunner run = CommandRunner.Run("drops", "save", file, "--admin", $"http://127.0.0.1:{Port}", "--token-file", token);
            await answered;
            Assert.Equal((1, "", "firewall: the appliance ended in the midst of its answer\n"), (run.ExitCode, run.Output, run.Error));
        }

        Assert.Equal("an older one", await File.ReadAllTextAsync(folder["drops.pcapng"]));
    }

    private static string Whole(string type, string body) => $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";

    // Takes one connection, and closes it behind the answer.
    private async Task<string> AnswerAsync(TcpListener at, string answer)
    {
        using Socket asked = await at.AcceptSocketAsync(_patience.Token);
        byte[] request = new byte[4096];
        int length = await asked.ReceiveAsync(request, _patience.Token);
        await asked.SendAsync(Encoding.ASCII.GetBytes(answer), _patience.Token);
        return Encoding.ASCII.GetString(request, 0, length);
    }

    // Other tests talk to other ports meanwhile.
    private sealed class ProxyOfOnePort(int port, IPEndPoint proxy) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri GetProxy(Uri destination) => new($"http://{proxy}");

        public bool IsBypassed(Uri host) => host.Port != port;
    }
}
