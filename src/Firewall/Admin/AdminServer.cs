using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Firewall.Admin.Remote;
using Firewall.Control.Configuration;
using Firewall.Devices.Linux;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Firewall.Admin;

/// <summary>
/// The ways into the admin API: the admin socket (on Windows a named pipe), metrics by TCP, and all of it by TCP. They begin when packets are
/// judged already, so that they delay no start; and the appliance runs on without one that cannot be made.
/// </summary>
internal sealed class AdminServer : IDisposable
{
    private const int MostConnections = 64;
    private const int SecondsBetweenProbes = 5;
    private const int UnansweredProbes = 3;

    // Whoever comes by TCP may be anybody until he shows a token; a place for him is not kept for long.
    private static readonly TimeSpan LongestHeaders = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestIdle = TimeSpan.FromSeconds(15);

    private readonly List<IDisposable> _listeners = [];

    private readonly AdminRefusals _refusals;

    private AdminServer(AdminRefusals refusals) => _refusals = refusals;

    /// <summary>Begins to listen; returns at once.</summary>
    /// <param name="path">The socket's full path, on Windows the pipe's full name; null for none.</param>
    /// <param name="settings">Who may use it, and where else to listen.</param>
    /// <param name="secrets">What <see cref="AdminSettings.Tcp"/> needs; null without it.</param>
    /// <param name="state">The appliance that it tells of.</param>
    /// <param name="logger">For where it listens, or why it does not.</param>
    public static AdminServer Start(string? path, AdminSettings settings, TcpSecretsInForce? secrets, ApplianceState state, ILogger logger)
    {
        var server = new AdminServer(state.Refusals);
        var api = new AdminApi(state);
        if (path is not null && OperatingSystem.IsWindows()) server.ListenToPipe(path, api, logger);
        else if (path is not null) server.ListenToSocket(path, settings, api, logger);
        if (settings.Metrics is { } metrics) server.ListenForMetrics(metrics, api, logger);
        if (settings.Tcp is { } tcp && secrets is not null) server.ListenToTcp(tcp, secrets, api, logger);
        return server;
    }

    /// <summary>Stops listening, and returns when no request looks at the appliance any more.</summary>
    public void Dispose()
    {
        foreach (IDisposable listener in _listeners) listener.Dispose();
    }

    private void ListenToSocket(string path, AdminSettings settings, AdminApi api, ILogger logger)
    {
        var access = new AdminAccess(
            ListeningSocketFile.GroupNumber(settings.Group), settings.ReaderGroup is { } readers ? ListeningSocketFile.GroupNumber(readers) : null);
        var door = new SocketDoor(access, _refusals, LongestHeaders);
        KestrelServerOptions options = OptionsOfPatience();
        // The door counts them.
        options.Limits.MaxConcurrentConnections = null;
        options.ListenUnixSocket(path, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => door.AdmitAsync(connection, next));
        });
        var transport = new SocketTransportOptions { CreateBoundListenSocket = _ => ListeningSocketFile.Bind(path, access.Operators, access.Readers) };
        var listener = new AdminListener($"Admin socket {path}", options, Sockets(transport), api.AnswerAsync, _refusals, logger);
        _listeners.Add(new SocketPath(path, listener));
        _listeners.Add(listener);
    }

    [SupportedOSPlatform("windows")]
    private void ListenToPipe(string path, AdminApi api, ILogger logger)
    {
        KestrelServerOptions options = OptionsOfPatience();
        options.ListenNamedPipe(PipeName.WordOf(path), listen => listen.Protocols = HttpProtocols.Http1);
        var pipe = new AdminPipe(Sockets(new SocketTransportOptions()));
        var listener = new AdminListener($"Admin socket {path}", options, pipe, AnswerAdministrator, _refusals, logger);
        _listeners.Add(listener);
        _listeners.Add(pipe);

        // Windows has let nobody else in.
        Task AnswerAdministrator(HttpContext context, CancellationToken stopping)
        {
            context.Features.Set(new AdminPass(AdminRole.Operator));
            return api.AnswerAsync(context, stopping);
        }
    }

    private void ListenForMetrics(IPEndPoint place, AdminApi api, ILogger logger)
    {
        KestrelServerOptions options = OptionsOfHaste();
        var places = new TcpPlaces();
        options.Listen(place, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => PlaceAsync(connection, places, next));
        });
        _listeners.Add(new AdminListener($"Metrics on http://{place}/metrics", options, Sockets(new SocketTransportOptions()), api.AnswerPublicAsync, _refusals, logger));
    }

    private void ListenToTcp(AdminTcpSettings settings, TcpSecretsInForce secrets, AdminApi api, ILogger logger)
    {
        KestrelServerOptions options = OptionsOfHaste();
        bool hasTls = secrets.Current.Tls is not null;
        if (hasTls) options.ApplicationServices = TlsServices();
        var places = new TcpPlaces();
        options.Listen(settings.Listen, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => PlaceAsync(connection, places, next));
            if (hasTls) listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(Certified()) });
        });
        string place = $"Admin API{(settings.Page ? " and page" : "")} on {(hasTls ? "https" : "http")}://{settings.Listen}/";
        _listeners.Add(new AdminListener(place, options, Sockets(new SocketTransportOptions()), new TcpDoor(api, secrets, settings).AnswerAsync, _refusals, logger));

        // The certificate may have been renewed since the last connection.
        SslServerAuthenticationOptions Certified() => new() { ServerCertificateContext = secrets.Current.Tls };
    }

    private static async Task PlaceAsync(ConnectionContext connection, TcpPlaces places, ConnectionDelegate next)
    {
        using TcpPlace place = places.Enter((connection.RemoteEndPoint as IPEndPoint)?.Address, connection.Abort);
        connection.Features.Set(place);
        if (connection.Features.Get<IConnectionSocketFeature>() is { } feature) NoticeAbsence(feature.Socket);
        await next(connection);
    }

    // Who follows says nothing more. One whose machine or network went away without a word would keep his place as long as there is nothing to tell him.
    private static void NoticeAbsence(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, (int)LongestIdle.TotalSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, SecondsBetweenProbes);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, UnansweredProbes);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
    }

    // A listing may wait for a person who reads it, and who waits has been let in.
    private static KestrelServerOptions OptionsOfPatience()
    {
        var options = new KestrelServerOptions();
        options.Limits.MaxConcurrentConnections = MostConnections;
        options.Limits.MinResponseDataRate = null;
        return options;
    }

    // Its connections are counted by their places.
    private static KestrelServerOptions OptionsOfHaste()
    {
        var options = new KestrelServerOptions();
        options.Limits.RequestHeadersTimeout = LongestHeaders;
        options.Limits.KeepAliveTimeout = LongestIdle;
        return options;
    }

    private static SocketTransportFactory Sockets(SocketTransportOptions options) => new(Options.Create(options), NullLoggerFactory.Instance);

    // Kestrel's TLS is to be had with a web host's services only.
    private static ServiceProvider TlsServices()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        return builder.Services.BuildServiceProvider();
    }

    // Removed while the socket is still open, which tells it from a successor's.
    private sealed class SocketPath(string path, AdminListener listener) : IDisposable
    {
        public void Dispose()
        {
            if (listener.Started.GetAwaiter().GetResult()) ListeningSocketFile.Remove(path);
        }
    }
}
