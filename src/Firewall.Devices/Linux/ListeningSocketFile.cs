using System.Globalization;
using System.Net.Sockets;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// A Unix socket at a path, for root, one group, and perhaps a second one. It takes the path in one stroke, with its rights already set, also from a process that
/// was killed or that hands over; and it is removed only as long as the path still leads to this process.
/// </summary>
public static class ListeningSocketFile
{
    private const UnixFileMode ForGroup =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    private const uint Unchanged = uint.MaxValue;

    /// <summary>Makes the socket, bound but not yet listening.</summary>
    /// <param name="path">Its full path, 100 bytes at most; missing folders are made.</param>
    /// <param name="group">The group that may connect beside the owner; null for none.</param>
    /// <param name="secondGroup">Another group that may, by an access list; null for none.</param>
    /// <exception cref="IOException">It cannot be made there.</exception>
    public static Socket Bind(string path, uint? group, uint? secondGroup = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (OperatingSystem.IsWindows()) throw new IOException("Windows has no Unix sockets with an owner and a group");
        if (Path.GetDirectoryName(path) is { } folder) Directory.CreateDirectory(folder);
        // Made beside its place and moved there, so that nobody meets it with other rights.
        string draft = path + ".new";
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(draft);
            socket.Bind(new UnixDomainSocketEndPoint(draft));
            File.SetUnixFileMode(draft, group is null ? UnixFileMode.UserRead | UnixFileMode.UserWrite : ForGroup);
            if (group is { } id && LibC.ChangeOwner(draft, Unchanged, id) != 0) throw new IOException($"its group cannot be set ({ErrnoText.Last.Describe()})");
            if (secondGroup is { } second) AccessList.Allow(draft, second, withOwnGroup: group is not null);
            File.Move(draft, path, overwrite: true);
            return socket;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new IOException(e.Message, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Removes the path if it still leads to a socket that this process listens on. Call it while the socket is still open.</summary>
    public static void Remove(string path)
    {
        try
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            probe.Connect(new UnixDomainSocketEndPoint(path));
            if (LocalPeer.Of(probe).Process == Environment.ProcessId) File.Delete(path);
        }
        catch (SocketException)
        {
            // Gone, or nobody listens there: not ours.
        }
    }

    /// <summary>The number of a group of /etc/group (group(5)); null if it has none of that name.</summary>
    public static uint? GroupNumber(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        try
        {
            foreach (string line in File.ReadLines("/etc/group"))
            {
                string[] fields = line.Split(':');
                if (fields.Length >= 3 && fields[0] == name && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint id)) return id;
            }
        }
        catch (IOException)
        {
            // A container without the file has no groups.
        }

        return null;
    }
}
