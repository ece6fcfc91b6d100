using Microsoft.Extensions.Logging;

namespace Firewall.Admin.Metrics;

/// <summary>Tells in the log when metrics cannot be sent any more, and when they can again: the exporter itself keeps silent.</summary>
internal sealed partial class OtlpWatch(ILogger logger) : DelegatingHandler(new SocketsHttpHandler())
{
    private bool _isFailing;

    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return Judge(request, base.Send(request, cancellationToken));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            Tell(request, e.Message);
            throw;
        }
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return Judge(request, await base.SendAsync(request, cancellationToken));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            Tell(request, e.Message);
            throw;
        }
    }

    private HttpResponseMessage Judge(HttpRequestMessage request, HttpResponseMessage response)
    {
        Tell(request, response.IsSuccessStatusCode ? null : $"it answers {(int)response.StatusCode} {response.ReasonPhrase}");
        return response;
    }

    private void Tell(HttpRequestMessage request, string? why)
    {
        string address = request.RequestUri!.GetLeftPart(UriPartial.Path);
        if (why is not null && !_isFailing) NotSent(logger, address, why);
        if (why is null && _isFailing) SentAgain(logger, address);
        _isFailing = why is not null;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Metrics cannot be sent to {Address} ({Why}); they are tried again at every interval")]
    private static partial void NotSent(ILogger logger, string address, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Metrics are sent to {Address} again")]
    private static partial void SentAgain(ILogger logger, string address);
}
