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
    // All words of a request stand in its first line, which may have 8,192 bytes.
    private const int LongestPath = 8_160;

    // For the moment in which all instances of the pipe are taken and the next one is not there yet.
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(2);

    // Of all answers that the command line asks for.
    private static readonly string[] s_types = ["application/json", "application/x-ndjson", "application/x-pcapng"];

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
        // Through a proxy only where it carries what it cannot read: of plain http it would see the token.
        var handler = new SocketsHttpHandler { UseProxy = place.Scheme == Uri.UriSchemeHttps };
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
    /// <exception cref="OperationCanceledException">It was not awaited any longer.</exception>
    public T Get<T>(string path, JsonTypeInfo<T> type, CancellationToken stop = default) => Read(HttpMethod.Get, path, type, stop);

    /// <summary>Has something done.</summary>
    public T Post<T>(string path, JsonTypeInfo<T> type) => Read(HttpMethod.Post, path, type, CancellationToken.None);

    /// <summary>Gets an answer as it comes, without an end in sight. Whoever reads it may meet an <see cref="IOException"/>.</summary>
    public Stream Open(string path) => Send(HttpMethod.Get, path, CancellationToken.None).Content.ReadAsStream();

    /// <summary>Gets an answer that is a file, all of it.</summary>
    public byte[] GetFile(string path)
    {
        using Stream answer = Open(path);
        using var file = new MemoryStream();
        try
        {
            answer.CopyTo(file);
        }
        catch (IOException e)
        {
            throw new ApplianceException("the appliance ended in the midst of its answer", e);
        }

        return file.ToArray();
    }

    /// <summary>What to tell when an answer is none that an appliance gives.</summary>
    public ApplianceException NotOurs(Exception? inner = null) =>
        new($"{_path} is not this appliance's admin API: something else answers there, or another version; see Firewall:Admin in the configuration for where it listens", inner);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private T Read<T>(HttpMethod method, string path, JsonTypeInfo<T> type, CancellationToken stop)
    {
        using HttpResponseMessage response = Send(method, path, stop);
        try
        {
            return JsonSerializer.DeserializeAsync(response.Content.ReadAsStream(stop), type, stop).AsTask().GetAwaiter().GetResult() ?? throw NotOurs();
        }
        catch (JsonException e)
        {
            throw NotOurs(e);
        }
    }

    private HttpResponseMessage Send(HttpMethod method, string path, CancellationToken stop)
    {
        // Much longer ones are cut off while they are sent, which tells nobody why.
        if (path.Length > LongestPath) throw TooLong();
        try
        {
            using var request = new HttpRequestMessage(method, path);
            HttpResponseMessage response = _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop).GetAwaiter().GetResult();
            if (!response.IsSuccessStatusCode) throw Refused(response);
            return s_types.Contains(response.Content.Headers.ContentType?.MediaType) ? response : throw NotOurs();
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

    private static InvalidInputException TooLong() => new(
        "the request is too long: all its words together, as written in a URL, may have some 8,000 characters; shorten the longest, such as --justification");

    private Exception Refused(HttpResponseMessage response)
    {
        if (response.StatusCode == HttpStatusCode.RequestUriTooLong) return TooLong();
        string text = response.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        string[] errors;
        try
        {
            if (JsonSerializer.Deserialize(text, AdminJson.Default.AdminErrors) is not { Errors.Count: > 0 } known) return Unexplained();
            errors = [.. known.Errors];
        }
        catch (JsonException)
        {
            return Unexplained();
        }

        return response.StatusCode == HttpStatusCode.BadRequest ? new InvalidInputException(errors) : new ApplianceException(string.Join('\n', errors));

        ApplianceException Unexplained() => new($"{_path} answered {(int)response.StatusCode} without a reason: it may not be this appliance's admin API");
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
                    // What .NET makes of a path that is not there.
                    SocketError.AddressNotAvailable => $"there is no socket {_path}; is the appliance running, and with an admin socket?",
                    SocketError.ConnectionRefused => $"nobody listens on {_path}: the appliance that made it was killed",
                    _ => $"{_path} cannot be reached: {e.Message}",
                },
                e);
        }
    }
}
