using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Firewall.Admin;

/// <summary>
/// One place where requests are answered, by Kestrel without a host around it. Each has connections and limits of its own, so that what
/// somebody does to one of them is not felt at the others.
/// </summary>
internal sealed partial class AdminListener : IDisposable, IHttpApplication<HttpContext>
{
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(2);

    // A predecessor that hands over closes its listeners last.
    private static readonly TimeSpan AddressPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AddressStep = TimeSpan.FromMilliseconds(50);

    private readonly string _place;
    private readonly KestrelServerOptions _options;
    private readonly IConnectionListenerFactory _transport;
    private readonly Func<HttpContext, CancellationToken, Task> _answer;
    private readonly AdminRefusals _refusals;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CountdownEvent _active = new(1);
    private readonly Task<bool> _starting;
    private KestrelServer? _server;
    private bool _disposed;

    /// <summary>Begins to listen; returns at once.</summary>
    /// <param name="place">What it is and where, for the log.</param>
    /// <param name="options">What Kestrel shall do there.</param>
    /// <param name="transport">What carries it.</param>
    /// <param name="answer">Answers a request, told when the appliance stops; throws <see cref="AdminProblem"/> if it cannot be.</param>
    /// <param name="refusals">Counts who is sent away.</param>
    /// <param name="logger">For where it listens, or why it does not.</param>
    public AdminListener(
        string place, KestrelServerOptions options, IConnectionListenerFactory transport, Func<HttpContext, CancellationToken, Task> answer, AdminRefusals refusals,
        ILogger logger)
    {
        _place = place;
        _options = options;
        _transport = transport;
        _answer = answer;
        _refusals = refusals;
        _logger = logger;
        options.AddServerHeader = false;
        // No request has one.
        options.Limits.MaxRequestBodySize = 0;
        _starting = Task.Run(StartAsync);
    }

    /// <summary>Ends when it listens, or cannot; then false.</summary>
    public Task<bool> Started => _starting;

    /// <summary>Stops listening, and returns when no request looks at the appliance any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        _stopping.Cancel();
        _starting.GetAwaiter().GetResult();
        using var patience = new CancellationTokenSource(LongestStop);
        _server?.StopAsync(patience.Token).GetAwaiter().GetResult();
        _server?.Dispose();
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
            await _answer(context, _stopping.Token);
        }
        catch (AdminProblem problem) when (!context.Response.HasStarted)
        {
            _refusals.Add(problem);
            await problem.WriteAsync(context);
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
        long start = Environment.TickCount64;
        while (true)
        {
            var server = new KestrelServer(Options.Create(_options), _transport, NullLoggerFactory.Instance);
            try
            {
                await server.StartAsync(this, CancellationToken.None);
                _server = server;
                Listening(_logger, _place);
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException or AddressInUseException)
            {
                server.Dispose();
                bool isTaken = e is AddressInUseException || e.InnerException is AddressInUseException;
                if (!isTaken || _stopping.IsCancellationRequested || Environment.TickCount64 - start >= AddressPatience.TotalMilliseconds)
                {
                    NotListening(_logger, _place, e.Message);
                    return false;
                }
            }

            await Task.Delay(AddressStep);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Place}")]
    private static partial void Listening(ILogger logger, string place);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Place} cannot be made ({Why}); the appliance runs without it")]
    private static partial void NotListening(ILogger logger, string place, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "A request for {Path} failed with an internal error, please report it: {Kind}")]
    private static partial void RequestFailed(ILogger logger, string path, string kind, Exception exception);
}
