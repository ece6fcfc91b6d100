using System.Net;
using Firewall.Admin;
using Firewall.Admin.Remote;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Tokens and certificates that do not protect are refused at the start, in a line that says how to mend it.</summary>
public sealed class TcpSecretsTests : IDisposable
{
    private const string Good = "0123456789abcdef0123456789abcdef";

    private readonly TempFolder _folder = new();

    public TcpSecretsTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "files with a mode");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_token_gives_its_role_and_no_other()
    {
        TcpSecrets secrets = TcpSecrets.Read(Settings(Write("o", Good + "O\n"), Write("r", Good + "R")));
        Assert.Equal(AdminRole.Operator, secrets.RoleOf($"Bearer {Good}O"));
        Assert.Equal(AdminRole.Operator, secrets.RoleOf($"bearer {Good}O "));
        Assert.Equal(AdminRole.Reader, secrets.RoleOf($"Bearer {Good}R"));
        Assert.Equal(AdminRole.None, secrets.RoleOf($"Bearer {Good}"));
        Assert.Equal(AdminRole.None, secrets.RoleOf($"Bearer {Good}Q"));
        Assert.Equal(AdminRole.None, secrets.RoleOf("Bearer "));
        Assert.Equal(AdminRole.None, secrets.RoleOf(null));
        Assert.Equal(AdminRole.None, TcpSecrets.Read(Settings(null, Write("r2", Good))).RoleOf($"Bearer {Good}O"));
    }

    [Theory]
    [InlineData("", UnixFileMode.UserRead, "must hold a token")]
    [InlineData("short", UnixFileMode.UserRead, "must hold a token")]
    [InlineData("0123456789abcdef 0123456789abcdef", UnixFileMode.UserRead, "must hold a token")]
    [InlineData("0123456789abcdef\n0123456789abcdef", UnixFileMode.UserRead, "must hold a token")]
    [InlineData("0123456789abcdef0123456789abcdeé", UnixFileMode.UserRead, "must hold a token")]
    [InlineData(Good, UnixFileMode.UserRead | UnixFileMode.OtherRead, "has the mode 404")]
    [InlineData(Good, UnixFileMode.UserRead | UnixFileMode.GroupWrite, "has the mode 420")]
    public void A_token_that_does_not_protect_is_refused_without_a_word_of_it(string text, UnixFileMode mode, string why)
    {
        string file = Write("o", text, mode);
        string problem = Assert.Throws<InvalidInputException>(() => TcpSecrets.Read(Settings(file, null))).Message;
        Assert.StartsWith($"Firewall:Admin:Tcp:OperatorTokenFile: {file} ", problem, StringComparison.Ordinal);
        Assert.Contains(why, problem, StringComparison.Ordinal);
        if (text.Length > 5) Assert.DoesNotContain(text, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_and_a_token_for_both_roles_are_refused()
    {
        Assert.Contains("there is no file", Problem(Settings(_folder["none"], null)), StringComparison.Ordinal);
        Assert.Contains("readers need one of their own", Problem(Settings(Write("o", Good), Write("r", Good + "\n"))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_is_none_is_refused_and_so_is_a_key_that_others_may_read()
    {
        string token = Write("r", Good);
        Assert.Contains("is no certificate with its private key", Problem(Settings(null, token) with { Certificate = Write("c.pem", "no") }), StringComparison.Ordinal);
        Assert.Contains("is no certificate with its private key", Problem(Settings(null, token) with { Certificate = Write("c.pfx", "no") }), StringComparison.Ordinal);
        string open = Write("open.pem", "no", UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", Problem(Settings(null, token) with { Certificate = open }), StringComparison.Ordinal);
        Assert.Contains(":CertificateKey: ", Problem(Settings(null, token) with { Certificate = Write("c", "no"), CertificateKey = open }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_that_is_exchanged_is_in_force_and_one_of_no_use_leaves_what_was()
    {
        var time = new ManualTime();
        var logger = new RecordingLogger();
        using var secrets = new TcpSecretsInForce(Settings(Write("o", Good + "O"), Write("r", Good + "R")), FileWatchTiming.Default, time, logger);
        Assert.Equal(AdminRole.Reader, secrets.Current.RoleOf($"Bearer {Good}R"));

        Change("short");
        Assert.Equal(AdminRole.Reader, secrets.Current.RoleOf($"Bearer {Good}R"));
        Assert.StartsWith("Warning Tokens and certificate of the admin API stay as they are: Firewall:Admin:Tcp:ReaderTokenFile: ", logger.Lines[^1], StringComparison.Ordinal);

        Change(Good + "NEW");
        Assert.Equal(AdminRole.None, secrets.Current.RoleOf($"Bearer {Good}R"));
        Assert.Equal(AdminRole.Reader, secrets.Current.RoleOf($"Bearer {Good}NEW"));
        Assert.Equal(AdminRole.Operator, secrets.Current.RoleOf($"Bearer {Good}O"));
        Assert.Equal(2, logger.Lines.Count);
        Assert.All(logger.Lines, line => Assert.DoesNotContain(Good, line, StringComparison.Ordinal));

        void Change(string text)
        {
            Write("r", text);
            time.Advance(FileWatchTiming.Default.Poll);
            time.Advance(FileWatchTiming.Default.LongestWait);
        }
    }

    private static string Problem(AdminTcpSettings settings) => Assert.Throws<InvalidInputException>(() => TcpSecrets.Read(settings)).Message;

    private static AdminTcpSettings Settings(string? operators, string? readers) =>
        new(new IPEndPoint(IPAddress.Loopback, 1), operators, readers, null, null, [], false);

    private string Write(string name, string text, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        string path = _folder.Write(name, text);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
        return path;
    }
}
