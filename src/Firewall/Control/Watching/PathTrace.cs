using System.Globalization;

namespace Firewall.Control.Watching;

/// <summary>
/// Where a path really leads, and every place on the way that could make it lead elsewhere: the folder and name of each symbolic
/// link that was followed, and of the file itself. Kubernetes swaps a link in the middle of the path (<c>rules.json</c> →
/// <c>..data/rules.json</c>, <c>..data</c> → a dated folder), which resolving the last link alone would not show.
/// </summary>
internal sealed class PathTrace
{
    // As many as the kernel follows (path_resolution(7)).
    private const int MostLinks = 40;

    private readonly HashSet<(string Folder, string Name)> _places = [];
    private readonly List<string> _stamps = [];

    private PathTrace()
    {
    }

    /// <summary>Folder and entry name of each place to watch; the name "*.json" stands for all such files of a folder of rules.</summary>
    public IReadOnlySet<(string Folder, string Name)> Places => _places;

    /// <summary>
    /// Changes when a path leads to another file or the file was written: resolved path, length, times of last write and of birth.
    /// The birth time stands for the inode number, which the framework does not show.
    /// </summary>
    public string Stamp => string.Join('\n', _stamps);

    /// <summary>Follows the paths as they are now. What is missing is part of the answer, not an error.</summary>
    public static PathTrace Of(IEnumerable<string> paths)
    {
        var trace = new PathTrace();
        foreach (string path in paths)
        {
            string real = trace.Follow(Path.GetFullPath(path));
            if (Directory.Exists(real)) trace.FollowFolder(real);
        }

        return trace;
    }

    private void FollowFolder(string folder)
    {
        _places.Add((folder, "*.json"));
        string[] files;
        try
        {
            files = Directory.GetFiles(folder, "*.json");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }

        Array.Sort(files, StringComparer.Ordinal);
        foreach (string file in files) Follow(file);
    }

    private string Follow(string path)
    {
        string at = Path.GetPathRoot(path)!;
        var rest = new Stack<string>(Components(path[at.Length..]));
        int links = 0;
        while (rest.TryPop(out string? name))
        {
            if (name == ".") continue;
            if (name == "..")
            {
                at = Path.GetDirectoryName(at) ?? at;
                continue;
            }

            var entry = new FileInfo(Path.Combine(at, name));
            string? target = TargetOf(entry);
            if (target is not null || rest.Count == 0) _places.Add((at, name));
            if (target is null)
            {
                at = entry.FullName;
                continue;
            }

            if (++links > MostLinks) break;
            if (Path.IsPathRooted(target)) at = Path.GetPathRoot(target)!;
            foreach (string component in Components(target)) rest.Push(component);
        }

        _stamps.Add(StampOf(at));
        return at;
    }

    // Last component first, ready for a stack.
    private static IEnumerable<string> Components(string path) =>
        path.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse();

    private static string? TargetOf(FileInfo entry)
    {
        try
        {
            return entry.LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string StampOf(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) return path + " missing";
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks} {file.CreationTimeUtc.Ticks}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return path + " unreadable";
        }
    }
}
