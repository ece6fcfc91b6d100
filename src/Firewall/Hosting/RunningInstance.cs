using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Hosting.Handover;

namespace Firewall.Hosting;

/// <summary>
/// How an instance on a TUN is found in its network namespace: it listens in Linux's abstract namespace (unix(7)), at the usual name or, where somebody else has
/// taken that, at one that nobody could foresee. Anybody may bind such names; so only one of root or of the own user counts (docs/decisions/0039-instance-names.md).
/// </summary>
internal static class RunningInstance
{
    private const char Abstract = '\0';
    private const int LengthOfAddition = 32;

    // Full queues of connections: an instance empties its own at once, and who does not has only the time of others to gain.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>The name that an instance takes if it can.</summary>
    public static string UsualName(string tunName) => $"{Abstract}firewall/{tunName}";

    /// <summary>A name that nobody can have taken before.</summary>
    public static string UnforeseeableName(string tunName) => $"{UsualName(tunName)}/{Guid.NewGuid():N}";

    /// <summary>Connects to the instance on that TUN; null if there is none.</summary>
    /// <param name="tunName">The TUN's name in the calling thread's network namespace.</param>
    /// <param name="exceptName">The caller's own name, where nobody is looked for.</param>
    /// <param name="name">The instance's name.</param>
    /// <param name="stranger">Somebody not to be trusted who listens at one of its names; null if nobody does.</param>
    public static Socket? Reach(string tunName, string? exceptName, out string? name, out LocalPeer? stranger)
    {
        List<string> names = [.. ListeningNames(tunName).Prepend(UsualName(tunName)).Distinct().Where(candidate => candidate != exceptName)];
        name = null;
        stranger = null;
        long start = Stopwatch.GetTimestamp();
        while (names.Count > 0 && Stopwatch.GetElapsedTime(start) < Patience)
        {
            foreach (string candidate in names.ToArray())
            {
                // A connection that has to wait for its place gives up after a moment, so that nobody keeps us from the others.
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendTimeout = 1 };
                try
                {
                    socket.Connect(new UnixDomainSocketEndPoint(candidate));
                    LocalPeer peer = LocalPeer.Of(socket);
                    if (PeerUser.IsTrusted(peer.User))
                    {
                        name = candidate;
                        socket.SendTimeout = 0;
                        return socket;
                    }

                    stranger ??= peer;
                    names.Remove(candidate);
                }
                catch (SocketException e)
                {
                    if (e.SocketErrorCode is not (SocketError.WouldBlock or SocketError.TryAgain or SocketError.TimedOut)) names.Remove(candidate);
                }

                socket.Dispose();
            }
        }

        return null;
    }

    /// <summary>The names of instances on that TUN in a list such as /proc/net/unix at which somebody listens. Whoever binds a name writes a part of that list.</summary>
    public static IEnumerable<string> NamesIn(IEnumerable<string> lines, string tunName)
    {
        const int flags = 3, path = 7, fields = 8;
        const uint accepting = 0x10000;
        string usual = $"@{UsualName(tunName)[1..]}";
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ', fields, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < fields || !parts[path].StartsWith(usual, StringComparison.Ordinal)) continue;
            if (!uint.TryParse(parts[flags], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value) || (value & accepting) == 0) continue;
            string addition = parts[path][usual.Length..];
            if (addition.Length == 0 || (addition.Length == LengthOfAddition + 1 && addition[0] == '/' && addition[1..].All(char.IsAsciiHexDigitLower)))
                yield return UsualName(tunName) + addition;
        }
    }

    private static IReadOnlyList<string> ListeningNames(string tunName)
    {
        try
        {
            return [.. NamesIn(File.ReadLines("/proc/thread-self/net/unix"), tunName)];
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
