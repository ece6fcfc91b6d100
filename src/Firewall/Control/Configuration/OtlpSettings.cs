namespace Firewall.Control.Configuration;

/// <summary>Keys of <c>Firewall:Otlp</c>.</summary>
internal sealed record OtlpSettings
{
    private const string MetricsPath = "/v1/metrics";

    /// <summary>Where metrics are posted, with the path; null if they are not sent.</summary>
    public required Uri? Endpoint { get; init; }

    /// <summary>How often.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>Headers of each request, as <c>name=value,name=value</c>; there may be a secret in them.</summary>
    public required string? Headers { get; init; }

    /// <summary>Reads the section.</summary>
    public static OtlpSettings Read(SectionReader section)
    {
        const string EndpointAllowed = "null, or an address such as \"http://127.0.0.1:4318\", without user and password";
        const string HeadersAllowed = "null, or names and values such as \"authorization=Bearer 4711\", with commas between";
        string endpoint = section.Text("Endpoint", "", EndpointAllowed, text => TryRead(text, out _), MayHoldSecret);
        string headers = section.Text(
            "Headers", "", HeadersAllowed, text => text.Split(',').All(pair => pair.IndexOf('=', StringComparison.Ordinal) > 0), mayBeSecret: _ => true);
        return new OtlpSettings
        {
            Endpoint = TryRead(endpoint, out Uri? read) ? read : null,
            Interval = section.Duration("Interval", TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            Headers = headers.Length == 0 ? null : headers,
        };
    }

    /// <summary>For the log: without what may be secret.</summary>
    public override string ToString() => $"{Endpoint?.GetLeftPart(UriPartial.Path) ?? "none"}, every {Interval:g}, {(Headers is null ? "no headers" : "with headers")}";

    // A password before the host, or a key in the query.
    private static bool MayHoldSecret(string endpoint) => endpoint.AsSpan().ContainsAny('@', '?');

    private static bool TryRead(string text, out Uri? endpoint)
    {
        bool isRead = Uri.TryCreate(text, UriKind.Absolute, out endpoint) && endpoint.Scheme is "http" or "https" && endpoint.UserInfo.Length == 0;
        if (isRead && endpoint!.AbsolutePath == "/") endpoint = new Uri(endpoint, MetricsPath);
        return isRead;
    }
}
