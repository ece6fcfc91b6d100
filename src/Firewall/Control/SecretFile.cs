using System.Text;

namespace Firewall.Control;

/// <summary>A file that holds a secret: what it holds stands in no message, and others may not read it.</summary>
internal static class SecretFile
{
    private const UnixFileMode TooOpen = UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Makes sure that the file is there and closed to others. On Windows, where its access list decides, only that it is there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">What named it, for errors.</param>
    /// <exception cref="InvalidInputException">It is missing, or too open.</exception>
    public static void Check(string path, string key)
    {
        if (!File.Exists(path)) throw new InvalidInputException($"{key}: there is no file {path}");
        if (OperatingSystem.IsWindows()) return;
        UnixFileMode mode = File.GetUnixFileMode(path);
        if ((mode & TooOpen) != 0)
        {
            throw new InvalidInputException(
                $"{key}: {path} has the mode {Convert.ToString((int)mode, 8)}, so that others may read or change a secret; close it: chmod 600 {path}");
        }
    }

    /// <summary>The first line of the file, without what surrounds it.</summary>
    /// <inheritdoc cref="Check"/>
    public static string ReadLine(string path, string key)
    {
        Check(path, key);
        try
        {
            return Encoding.UTF8.GetString(InputFile.Read(path)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{key}: {path} cannot be read: {e.Message}");
        }
    }
}
