using System.IO.Pipes;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Security.Principal;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Firewall.Admin;
using Firewall.Control;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting;

namespace Firewall.Commands.Running;

/// <summary>Asks a running appliance through its admin socket, on Windows through its pipe; or by TCP, with a token.</summary>
internal sealed class AdminClient : IDisposable
{
    // For the moment in which all instances of the pipe are taken and the next one is not there yet.
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(2);

    private readonly string _path;
    private readonly HttpClient _http;

    /// <summary>Talks to the appliance that listens there; the connection is made with the first request.</summary>
    public AdminClient(string path)
    {
        _path = path;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync, UseProxy = false })
        {
            BaseAddress = new Uri("http://firewall"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Talks to an appliance by TCP.</summary>
    /// <param name="place">http or https, name or address, and port.</param>
    /// <param name="token">What it lets us in for.</param>
    /// <param name="authority">The certificate that vouches for the appliance's, or that one itself; null for those that this machine trusts.</param>
    public AdminClient(Uri place, string token, X509Certificate2? authority)
    {
        _path = place.ToString();
        var handler = new SocketsHttpHandler();
        if (authority is not null)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { authority },
                RevocationMode = X509RevocationMode.NoCheck,
            };
        }

        _http = new HttpClient(handler) { BaseAddress = place, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Gets one answer.</summary>
    public T Get<T>(string path, JsonTypeInfo<T> type) => Read(HttpMethod.Get, path, type);

    /// <summary>Has something done.</summary>
    public T Post<T>(string path, JsonTypeInfo<T> type) => Read(HttpMethod.Post, path, type);

    /// <summary>Gets an answer as it comes, without an end in sight. Whoever reads it may meet an <see cref="IOException"/>.</summary>
    public Stream Open(string path) => Send(HttpMethod.Get, path).Content.ReadAsStream();

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private T Read<T>(HttpMethod method, string path, JsonTypeInfo<T> type)
    {
        using HttpResponseMessage response = Send(method, path);
        return JsonSerializer.Deserialize(response.Content.ReadAsStream(), type) ?? throw new ApplianceException($"{_path} gave an empty answer");
    }

    private HttpResponseMessage Send(HttpMethod method, string path)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);
            HttpResponseMessage response = _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).GetAwaiter().GetResult();
            return response.IsSuccessStatusCode ? response : throw Refused(response);
        }
        catch (HttpRequestException e) when (e.InnerException is ApplianceException own)
        {
            throw own;
        }
        catch (HttpRequestException e)
        {
            throw new ApplianceException($"{_path} did not answer: {(e.InnerException as AuthenticationException ?? (Exception)e).Message}", e);
        }
    }

    private static Exception Refused(HttpResponseMessage response)
    {
        string text = response.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        string[] errors = [$"the appliance answered {(int)response.StatusCode}"];
        try
        {
            if (JsonSerializer.Deserialize(text, AdminJson.Default.AdminErrors) is { Errors.Count: > 0 } known) errors = [.. known.Errors];
        }
        catch (JsonException)
        {
            // Not ours; the status has to do.
        }

        return response.StatusCode == HttpStatusCode.BadRequest ? new InvalidInputException(errors) : new ApplianceException(string.Join('\n', errors));
    }

    private ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation) =>
        OperatingSystem.IsWindows() ? ConnectPipeAsync(cancellation) : ConnectSocketAsync(cancellation);

    [SupportedOSPlatform("windows")]
    private async ValueTask<Stream> ConnectPipeAsync(CancellationToken cancellation)
    {
        // The other end may learn who asks, and cannot act as him.
        var pipe = new NamedPipeClientStream(
            ".", PipeName.WordOf(_path), PipeDirection.InOut, PipeOptions.Asynchronous, TokenImpersonationLevel.Identification);
        try
        {
            await pipe.ConnectAsync(LongestConnect, cancellation);
            if (!PipeRights.IsOfAdministrators(pipe)) throw new ApplianceException($"{_path} was not made by an administrator: it is no appliance's");
            return pipe;
        }
        catch (Exception e)
        {
            await pipe.DisposeAsync();
            throw e switch
            {
                TimeoutException => new ApplianceException($"no appliance runs here: there is no {_path}; start it by `firewall run`, or say where it listens by --socket", e),
                UnauthorizedAccessException => new ApplianceException($"{_path} may be used by administrators of this machine and the system only", e),
                IOException => new ApplianceException($"{_path} cannot be reached: {e.Message}", e),
                _ => e,
            };
        }
    }

    private async ValueTask<Stream> ConnectSocketAsync(CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new ApplianceException(
                e.SocketErrorCode switch
                {
                    SocketError.AccessDenied => $"{_path} may be used by root and the members of its group only",
                    SocketError.ConnectionRefused => $"nobody listens on {_path}: the appliance that made it was killed",
                    _ => $"{_path} cannot be reached: {e.Message}",
                },
                e);
        }
    }
}
