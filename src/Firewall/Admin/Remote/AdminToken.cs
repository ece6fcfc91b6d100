using System.Security.Cryptography;
using System.Text;
using Firewall.Control;

namespace Firewall.Admin.Remote;

/// <summary>A secret word that whoever shows it is let in for (RFC 6750). It is never written anywhere.</summary>
internal sealed class AdminToken
{
    /// <summary>The fewest characters: what <c>head -c 24 /dev/urandom | base64</c> makes.</summary>
    public const int ShortestLength = 32;

    private const int LongestLength = 4096;
    private const string Scheme = "Bearer ";

    private readonly byte[] _bytes;

    private AdminToken(string text) => _bytes = Encoding.ASCII.GetBytes(text);

    /// <summary>Reads a token.</summary>
    /// <param name="path">The file that it stands in, alone.</param>
    /// <param name="key">What named the file, for errors.</param>
    /// <exception cref="InvalidInputException">The file is missing or too open, or holds no token.</exception>
    public static AdminToken Read(string path, string key) => new(ReadText(path, key));

    /// <summary>The token as text, for who shows it.</summary>
    /// <inheritdoc cref="Read"/>
    public static string ReadText(string path, string key)
    {
        string text = SecretFile.ReadLine(path, key);
        return text.Length is >= ShortestLength and <= LongestLength && text.All(c => c is > ' ' and <= '~')
            ? text
            : throw new InvalidInputException(
                $"{key}: {path} must hold a token: one line of at least {ShortestLength} printable ASCII characters without a space; "
                + $"this makes one: (umask 077; head -c 32 /dev/urandom | base64 > {path})");
    }

    /// <summary>True if the header Authorization shows this token. It takes as long whatever stands there, but for its length.</summary>
    public bool IsShownBy(string? authorization) =>
        authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(authorization[Scheme.Length..].Trim()), _bytes);

    /// <summary>True if it is the same as another one.</summary>
    public bool Is(AdminToken other) => CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);
}
