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
        // From the newest one on, the way that files are moved: none is missed that moves meanwhile.
        for (int number = 0; number <= ActivityLog.Places; number++)
        {
            if (Is(Name(number), first)) return number == 0 ? null : OpenNext(number, first);
        }

        // Others have moved it away, or taken it away; unless it stands there again after all, where moving takes long, or had no whole line at the first
        // look and has one by now.
        FileStream? newest = Open(path);
        if (newest is null) return null;
        if (!FirstLineOf(newest).AsSpan().SequenceEqual(first) && FirstLineOf(file).AsSpan().SequenceEqual(first)) return newest;
        newest.Dispose();
        return null;
    }

    // The next one that is there. Where any was moved meanwhile, the next look will tell: while files are moved there is a gap between two of them.
    private FileStream? OpenNext(int held, byte[] first)
    {
        int number = held - 1;
        FileStream? next = Open(Name(number));
        while (next is null && number > 0) next = Open(Name(--number));
        if (Is(Name(held), first) && !Enumerable.Range(number + 1, held - number - 1).Any(skipped => File.Exists(Name(skipped)))) return next;
        next?.Dispose();
        return null;
    }

    private string Name(int number) => ActivityLog.Aside(path, number);

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
