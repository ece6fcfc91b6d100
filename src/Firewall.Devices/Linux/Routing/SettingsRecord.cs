namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// The values that settings had before we changed them, in the order of the changes: first in memory, and in a small file for the run
/// after a crash. The file names the network namespace and the boot it belongs to; of another it is not believed.
/// </summary>
internal sealed class SettingsRecord
{
    private readonly string _file;
    private readonly string _identity;
    private readonly List<(string Path, string Value)> _values = [];

    private SettingsRecord(string file, string identity)
    {
        _file = file;
        _identity = identity;
    }

    /// <summary>Earlier values, oldest change first.</summary>
    public IReadOnlyList<(string Path, string Value)> Values => _values;

    /// <summary>Says why the file could not be written, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>The record of this TUN in the calling thread's network namespace.</summary>
    /// <param name="directory">Where the file is or will be.</param>
    /// <param name="tunName">One record per TUN.</param>
    /// <param name="believeFile">True if something else shows that an earlier run did not end cleanly.</param>
    public static SettingsRecord Open(string directory, string tunName, bool believeFile)
    {
        // "net:[4026531840]"; the same /run may serve several namespaces.
        string space = new FileInfo("/proc/thread-self/ns/net").LinkTarget ?? "net:[0]";
        string number = string.Concat(space.Where(char.IsAsciiDigit));
        string boot = KernelSettings.Read("kernel/random/boot_id") ?? "";
        var record = new SettingsRecord(Path.Combine(directory, $"{tunName}-{number}.settings"), $"firewall settings of {space} in boot {boot}");
        if (believeFile) record.Load();
        return record;
    }

    /// <summary>Notes the value that a setting has now, unless an older one is noted.</summary>
    public void Remember(string path, string value)
    {
        if (_values.Exists(known => known.Path == path)) return;
        _values.Add((path, value));
    }

    /// <summary>Writes the file, whole or not at all.</summary>
    public void Save()
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
            string temporary = _file + ".new";
            File.WriteAllLines(temporary, _values.Select(entry => $"{entry.Path}={entry.Value}").Prepend(_identity));
            File.Move(temporary, _file, overwrite: true);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            Problem = $"the earlier kernel settings cannot be kept in {_file} ({refused.Message}); after a crash they will not be restored";
        }
    }

    /// <summary>Forgets everything, also the file.</summary>
    public void Clear()
    {
        _values.Clear();
        try
        {
            File.Delete(_file);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // It was never written.
        }
    }

    private void Load()
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(_file);
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            return;
        }

        if (lines.Length == 0 || lines[0] != _identity) return;
        foreach (string line in lines.Skip(1))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            // Only what we ever write: the file lies where others may reach it.
            if (equals > 0 && line.StartsWith("net/", StringComparison.Ordinal) && !line.Contains("..", StringComparison.Ordinal))
                Remember(line[..equals], line[(equals + 1)..]);
        }
    }
}
