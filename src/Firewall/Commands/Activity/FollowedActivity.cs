using System.Text;
using Firewall.Activity;

namespace Firewall.Commands.Activity;

/// <summary>
/// What is added to the files of an activity log. A file that was moved aside is read to its end, and then those that are newer: so nothing is left
/// out, however many there are. Files are told apart by their first line, which no two have in common, since each entry has an id.
/// </summary>
/// <param name="path">The log's path; what stands there already is not told.</param>
internal sealed class FollowedActivity(string path) : IDisposable
{
    private FileStream? _file;
    private long _position;
    private bool _isFollowing;

    /// <summary>Whole lines that came since the last call, the oldest first; at the first call none.</summary>
    public IReadOnlyList<string> New()
    {
        List<string> lines = [];
        _file ??= Open(path);
        if (!_isFollowing) _position = _file?.Length ?? 0;
        _isFollowing = true;
        if (_file is null) return lines;
        Read(_file, lines);
        while (Newer(_file) is { } newer)
        {
            // What came between the last look and the move.
            Read(_file, lines);
            _file.Dispose();
            (_file, _position) = (newer, 0);
            Read(_file, lines);
        }

        return lines;
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private static FileStream? Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    // The file after this one; null if it is the newest one still, or the newer one is not there yet.
    private FileStream? Newer(FileStream file)
    {
        byte[] first = FirstLineOf(file);
        // Twice, since files may be moved while they are looked at.
        for (int look = 0; look < 2; look++)
        {
            IReadOnlyList<string> files = ActivityLog.FilesOf(path);
            for (int i = files.Count - 1; i >= 0; i--)
            {
                if (Is(files[i], first)) return i == files.Count - 1 ? null : OpenUnmoved(files[i + 1], files[i], first);
            }
        }

        // Others have moved it away, or taken it away; unless it stands there again after all, where moving takes long.
        FileStream? newest = Open(path);
        if (newest is null || !FirstLineOf(newest).AsSpan().SequenceEqual(first)) return newest;
        newest.Dispose();
        return null;
    }

    // Where all were moved once more since they were looked at, the next look will tell.
    private static FileStream? OpenUnmoved(string newer, string held, byte[] first)
    {
        FileStream? file = Open(newer);
        if (file is null || Is(held, first)) return file;
        file.Dispose();
        return null;
    }

    private static bool Is(string path, byte[] first)
    {
        using FileStream? file = Open(path);
        return file is not null && FirstLineOf(file).AsSpan().SequenceEqual(first);
    }

    // Of a file without a whole line nothing.
    private static byte[] FirstLineOf(FileStream file)
    {
        const int Step = 4096;
        for (int length = Step; ; length *= 2)
        {
            byte[] start = new byte[length];
            int read = RandomAccess.Read(file.SafeFileHandle, start, 0);
            int end = Array.IndexOf(start, (byte)'\n', 0, read);
            if (end >= 0 || read < length) return start[..(end + 1)];
        }
    }

    private void Read(FileStream file, List<string> lines)
    {
        // Somebody has emptied it in place.
        if (file.Length < _position) _position = 0;
        byte[] bytes = new byte[file.Length - _position];
        int read = RandomAccess.Read(file.SafeFileHandle, bytes, _position);
        int whole = bytes.AsSpan(0, read).LastIndexOf((byte)'\n') + 1;
        _position += whole;
        lines.AddRange(Encoding.UTF8.GetString(bytes, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
