using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Microsoft.Extensions.Logging;

namespace Firewall.Admin.Remote;

/// <summary>
/// The secrets of the admin API by TCP as their files say now: a token that was exchanged or a certificate that was renewed is in force as soon as
/// the files are whole. Files that are of no use, or do not yet belong together, change nothing. For any thread.
/// </summary>
internal sealed partial class TcpSecretsInForce : IDisposable
{
    private readonly Lock _reading = new();
    private readonly AdminTcpSettings _settings;
    private readonly ILogger _logger;
    private readonly FileWatch _watch;
    private volatile TcpSecrets _current;
    private string? _problem;

    /// <summary>Reads them and begins to watch their files.</summary>
    /// <param name="settings">Where they are.</param>
    /// <param name="timing">How patient to be with files that change.</param>
    /// <param name="time">The clock of that.</param>
    /// <param name="logger">For what changed, and what cannot be taken over. No secret is told.</param>
    /// <exception cref="InvalidInputException">One of them is missing, too open, or of no use.</exception>
    public TcpSecretsInForce(AdminTcpSettings settings, FileWatchTiming timing, TimeProvider time, ILogger logger)
    {
        _settings = settings;
        _logger = logger;
        _current = TcpSecrets.Read(settings);
        string?[] files = [settings.OperatorTokenFile, settings.ReaderTokenFile, settings.Certificate, settings.CertificateKey];
        _watch = new FileWatch([.. files.OfType<string>().Distinct()], Renew, timing, time);
        // What was written between the two.
        Renew();
    }

    /// <summary>What is in force. TLS is on or off for good.</summary>
    public TcpSecrets Current => _current;

    /// <inheritdoc/>
    public void Dispose() => _watch.Dispose();

    private void Renew()
    {
        lock (_reading)
        {
#pragma warning disable CA1031 // A file that changes must never end the appliance.
            try
            {
                var read = TcpSecrets.Read(_settings);
                TcpSecrets before = _current;
                _problem = null;
                bool hasNewTokens = !read.HasSameTokens(before);
                bool hasNewCertificate = read.Thumbprints != before.Thumbprints;
                if (!hasNewTokens && !hasNewCertificate) return;
                _current = read;
                if (hasNewTokens) TokensChanged(_logger);
                if (!hasNewCertificate) return;
                DateTime until = read.Tls!.TargetCertificate.NotAfter.ToUniversalTime();
                CertificateChanged(_logger, until);
            }
            catch (Exception e)
            {
                // A file that goes on being written is told of once.
                if (e.Message != _problem) NotChanged(_logger, e.Message);
                _problem = e.Message;
            }
#pragma warning restore CA1031
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The tokens of the admin API have changed: the new ones are in force")]
    private static partial void TokensChanged(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "The certificate of the admin API has changed: the new one is in force, and valid until {Until:u}")]
    private static partial void CertificateChanged(ILogger logger, DateTime until);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Tokens and certificate of the admin API stay as they are: {Why}")]
    private static partial void NotChanged(ILogger logger, string why);
}
