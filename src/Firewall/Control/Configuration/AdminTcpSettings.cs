using System.Net;

namespace Firewall.Control.Configuration;

/// <summary>Keys of <c>Firewall:Admin:Tcp</c>. Whoever comes by TCP needs a token, and TLS unless it is within this machine.</summary>
/// <param name="Listen">Address and port.</param>
/// <param name="OperatorTokenFile">Full path of the file with the operators' token; null if nobody is one here.</param>
/// <param name="ReaderTokenFile">Full path of the file with the readers' token; null if nobody is one here.</param>
/// <param name="Certificate">Full path of the certificate: PEM with its chain, or PFX without a password; null for no TLS.</param>
/// <param name="CertificateKey">Full path of the private key if it does not stand in the certificate's file; PEM.</param>
/// <param name="HostNames">Names that the listener is called by, beside its addresses and localhost.</param>
/// <param name="Page">Serve the page too.</param>
internal sealed record AdminTcpSettings(
    IPEndPoint Listen,
    string? OperatorTokenFile,
    string? ReaderTokenFile,
    string? Certificate,
    string? CertificateKey,
    IReadOnlyList<string> HostNames,
    bool Page)
{
    /// <summary>Reads the section; also reports what is not known in it. Null if it is switched off.</summary>
    public static AdminTcpSettings? Read(SectionReader section, string folder)
    {
        const string ListenAllowed = "null, or an address and a port, such as \"127.0.0.1:9478\" or \"[::1]:9478\"";
        const string TokenAllowed = "the path of a file with a token, or else ReaderTokenFile must be: nobody gets in by TCP without one";
        const string TlsAllowed = "on the loopback (127.0.0.1, [::1]) as long as Certificate names none: tokens would cross the network in the clear";
        const string NameAllowed = "a host name, such as \"firewall.example.net\"";
        string listen = section.Text("Listen", "", ListenAllowed, IsEndPoint);
        string? operators = PathOf("OperatorTokenFile");
        string? readers = PathOf("ReaderTokenFile");
        string? certificate = PathOf("Certificate");
        string? key = PathOf("CertificateKey");
        IReadOnlyList<string> names = section.List("HostNames", NameAllowed, name => Uri.CheckHostName(name) == UriHostNameType.Dns);
        bool page = section.Flag("Page", false);
        section.Finish();
        if (listen.Length == 0)
        {
            if (page) section.Refuse("Page", "false as long as Listen is null: there is nothing that would serve the page");
            return null;
        }

        var endPoint = IPEndPoint.Parse(listen);
        if (operators is null && readers is null) section.Refuse("OperatorTokenFile", TokenAllowed);
        if (certificate is null && !IPAddress.IsLoopback(endPoint.Address)) section.Refuse("Listen", TlsAllowed);
        if (certificate is null && key is not null) section.Refuse("Certificate", "the path of the certificate that CertificateKey belongs to");
        return new AdminTcpSettings(endPoint, operators, readers, certificate, key, names, page);

        string? PathOf(string name) => section.Text(name) is { } path ? Path.GetFullPath(path, folder) : null;
    }

    /// <summary>True for an address and a port.</summary>
    public static bool IsEndPoint(string text) => IPEndPoint.TryParse(text, out IPEndPoint? end) && end.Port != 0;

    /// <summary>All keys in a line.</summary>
    public override string ToString() =>
        $"{Listen}, tokens {OperatorTokenFile ?? "none"} and {ReaderTokenFile ?? "none"}, certificate {Certificate ?? "none"} {CertificateKey}"
        + $"{(HostNames.Count == 0 ? "" : ", named ")}{string.Join(" and ", HostNames)}{(Page ? ", with the page" : "")}";
}
