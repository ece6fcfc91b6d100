using System.Net;
using System.Net.Sockets;
using System.Text;
using Firewall.Control.Configuration;
using Firewall.Devices.Linux;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Firewall.Admin;

/// <summary>
/// The admin socket: HTTP on a Unix socket, or on a named pipe of Windows, by Kestrel without a host around it. It begins when packets are
/// judged already, so that it delays no start; and the appliance runs on without it where it cannot be made.
/// </summary>
internal sealed partial class AdminServer : IDisposable, IHttpApplication<HttpContext>
{
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(2);

    private readonly string? _path;
    private readonly IPEndPoint? _metrics;
    private readonly AdminAccess _access;
    private readonly AdminApi _api;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CountdownEvent _active = new(1);
    private readonly KestrelServer _server;
    private readonly AdminPipe? _pipe;
    private readonly Task<bool> _starting;
    private bool _disposed;

    private AdminServer(string? path, AdminAccess access, IPEndPoint? metrics, AdminApi api, ILogger logger)
    {
        _path = path;
        _metrics = metrics;
        _access = access;
        _api = api;
        _logger = logger;
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxConcurrentConnections = 64;
        options.Limits.MaxRequestBodySize = 64 * 1024;
        // A listing may wait for a person who reads it.
        options.Limits.MinResponseDataRate = null;
        bool isPipe = false;
        if (path is not null && OperatingSystem.IsWindows())
        {
            isPipe = true;
            options.ListenNamedPipe(PipeName.WordOf(path), listen => listen.Protocols = HttpProtocols.Http1);
        }
        else if (path is not null)
        {
            options.ListenUnixSocket(path, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(Admit);
            });
        }

        if (metrics is not null) options.Listen(metrics, listen => listen.Protocols = HttpProtocols.Http1);
        var transport = new SocketTransportOptions
        {
            CreateBoundListenSocket = endpoint => endpoint is UnixDomainSocketEndPoint
                ? ListeningSocketFile.Bind(path!, access.Group)
                : SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint),
        };
        IConnectionListenerFactory listeners = new SocketTransportFactory(Options.Create(transport), NullLoggerFactory.Instance);
        if (isPipe && OperatingSystem.IsWindows())
        {
            var pipe = new AdminPipe(listeners);
            _pipe = pipe;
            listeners = pipe;
        }

        _server = new KestrelServer(Options.Create(options), listeners, NullLoggerFactory.Instance);
        _starting = Task.Run(StartAsync);
    }

    /// <summary>Begins to listen; returns at once.</summary>
    /// <param name="path">The socket's full path, on Windows the pipe's full name; null for none.</param>
    /// <param name="settings">Who may use it, and where metrics are.</param>
    /// <param name="state">The appliance that it tells of.</param>
    /// <param name="logger">For where it listens, or why it does not.</param>
    public static AdminServer Start(string? path, AdminSettings settings, ApplianceState state, ILogger logger) =>
        new(path, new AdminAccess(ListeningSocketFile.GroupNumber(settings.Group)), settings.Metrics, new AdminApi(state), logger);

    /// <summary>Ends when it listens, or cannot; then false.</summary>
    public Task<bool> Started => _starting;

    /// <summary>Stops listening, and returns when no request looks at the appliance any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        bool started = _starting.GetAwaiter().GetResult();
        if (started && _path is not null && _pipe is null) ListeningSocketFile.Remove(_path);
        _stopping.Cancel();
        using var patience = new CancellationTokenSource(LongestStop);
        _server.StopAsync(patience.Token).GetAwaiter().GetResult();
        _server.Dispose();
        if (OperatingSystem.IsWindows()) _pipe?.Dispose();
        _active.Signal();
        _active.Wait();
        _active.Dispose();
        _stopping.Dispose();
    }

    /// <inheritdoc/>
    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    /// <inheritdoc/>
    public async Task ProcessRequestAsync(HttpContext context)
    {
        if (!_active.TryAddCount()) return;
        try
        {
            await _api.AnswerAsync(context, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // Who asked is gone, or the appliance stops: the answer ends in its midst, and a reader sees that it is not whole.
            context.Abort();
        }
        finally
        {
            _active.Signal();
        }
    }

    /// <inheritdoc/>
    public void DisposeContext(HttpContext context, Exception? exception)
    {
        if (exception is not null and not OperationCanceledException) RequestFailed(_logger, context.Request.Path, exception.GetType().Name, exception);
    }

    private async Task<bool> StartAsync()
    {
        try
        {
            await _server.StartAsync(this, CancellationToken.None);
            if (_path is not null) Listening(_logger, _path);
            if (_metrics is not null) MetricsAt(_logger, _metrics);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException or AddressInUseException)
        {
            NotListening(_logger, string.Join(" or ", new object?[] { _path, _metrics }.OfType<object>()), e.Message);
            return false;
        }
    }

    // Who may not is told so and gets no further: no byte of a request is read.
    private ConnectionDelegate Admit(ConnectionDelegate next) => async connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>() is { } feature && _access.Admit(feature.Socket) is { } peer)
        {
            connection.Features.Set(peer);
            await next(connection);
            return;
        }

        byte[] body = AdminProblem.Body(["only root and members of the appliance's group (Firewall:Admin:Group) may use this socket"]);
        string head = $"HTTP/1.1 403 Forbidden\r\nContent-Type: {AdminApi.Json}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n";
        await connection.Transport.Output.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body]);
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "Admin socket {Path}")]
    private static partial void Listening(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "Metrics on http://{EndPoint}/metrics")]
    private static partial void MetricsAt(ILogger logger, IPEndPoint endPoint);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Admin socket {Path} cannot be made ({Why}); the appliance runs without it")]
    private static partial void NotListening(ILogger logger, string path, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "A request for {Path} failed with an internal error, please report it: {Kind}")]
    private static partial void RequestFailed(ILogger logger, string path, string kind, Exception exception);
}
