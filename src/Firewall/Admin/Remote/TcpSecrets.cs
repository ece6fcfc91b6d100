using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Devices.Linux;

namespace Firewall.Admin.Remote;

/// <summary>What the admin API by TCP keeps to itself: the tokens, and the certificate with its key, as their files said when they were read.</summary>
/// <param name="Operator">Whoever shows it is an operator; null if nobody is.</param>
/// <param name="Reader">Whoever shows it is a reader; null if nobody is.</param>
/// <param name="Tls">The certificate with its key and what leads from it to what browsers trust, ready for handshakes; null for none.</param>
internal sealed record TcpSecrets(AdminToken? Operator, AdminToken? Reader, SslStreamCertificateContext? Tls)
{
    private const string Section = "Firewall:Admin:Tcp";

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidInputException">One of them is missing, too open, or of no use.</exception>
    public static TcpSecrets Read(AdminTcpSettings settings)
    {
        AdminToken? operators = settings.OperatorTokenFile is { } first ? AdminToken.Read(first, $"{Section}:OperatorTokenFile") : null;
        AdminToken? readers = settings.ReaderTokenFile is { } second ? AdminToken.Read(second, $"{Section}:ReaderTokenFile") : null;
        if (operators is not null && readers is not null && operators.Is(readers))
            throw new InvalidInputException($"{Section}:ReaderTokenFile: {settings.ReaderTokenFile} holds the operators' token; readers need one of their own");
        if (settings.Certificate is not { } file) return new TcpSecrets(operators, readers, null);
        if (!OpenSslLibrary.IsThere)
            throw new InvalidInputException($"{Section}:Certificate: TLS needs OpenSSL, and there is no libssl on this machine; on Debian, apt-get install libssl3");
        return new TcpSecrets(operators, readers, ReadCertificate(file, settings.CertificateKey));
    }

    /// <summary>Which certificate it is, and with what chain; empty for none.</summary>
    public string Thumbprints => Tls is null ? "" : string.Join(' ', Tls.IntermediateCertificates.Prepend(Tls.TargetCertificate).Select(one => one.Thumbprint));

    /// <summary>True if these let in the same as others do.</summary>
    public bool HasSameTokens(TcpSecrets other) => IsSame(Operator, other.Operator) && IsSame(Reader, other.Reader);

    /// <summary>The role of whoever sends this header. All tokens are compared, so that the time tells nothing.</summary>
    public AdminRole RoleOf(string? authorization)
    {
        bool isOperator = Operator is not null && Operator.IsShownBy(authorization);
        bool isReader = Reader is not null && Reader.IsShownBy(authorization);
        return isOperator ? AdminRole.Operator : isReader ? AdminRole.Reader : AdminRole.None;
    }

    private static bool IsSame(AdminToken? one, AdminToken? other) => one is null ? other is null : other is not null && one.Is(other);

    private static SslStreamCertificateContext ReadCertificate(string file, string? key)
    {
        const string Key = $"{Section}:Certificate";
        if (key is null) SecretFile.Check(file, Key);
        else SecretFile.Check(key, $"{Section}:CertificateKey");
        var chain = new X509Certificate2Collection();
        try
        {
            X509Certificate2 certificate;
            if (Path.GetExtension(file).ToUpperInvariant() is ".PFX" or ".P12")
            {
                certificate = X509CertificateLoader.LoadPkcs12FromFile(file, null);
            }
            else
            {
                chain.ImportFromPemFile(file);
                certificate = X509Certificate2.CreateFromPemFile(file, key);
                // Windows' TLS takes no key that is in memory only.
                if (OperatingSystem.IsWindows()) certificate = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
            }

            if (!certificate.HasPrivateKey) throw new CryptographicException("there is no private key in it");
            // What is missing in the chain is not fetched from anywhere.
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidInputException(
                $"{Key}: {file}{(key is null ? "" : $" with {key}")} is no certificate with its private key, as PEM or as PFX without a password: {e.Message}");
        }
    }
}
