using Xunit;

namespace Firewall.Tests.Devices.Captures;

/// <summary>
/// Real captures that are too many for the repository. They lie in <c>shared/data/captures</c> beside it or above, or where the environment
/// variable FIREWALL_SHARED says; tests that want them skip where they are missing.
/// </summary>
internal static class SharedCaptures
{
    /// <summary>All capture files, or a skipped test.</summary>
    public static IReadOnlyList<string> RequireAll()
    {
        string? folder = Find();
        Assert.SkipWhen(folder is null, "No captures: there is no folder shared/data/captures beside the repository (or FIREWALL_SHARED).");
        List<string> files = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(IsCapture).Order(StringComparer.Ordinal)];
        Assert.SkipWhen(files.Count == 0, $"No captures in {folder}.");
        return files;
    }

    private static bool IsCapture(string path) => Path.GetExtension(path) is ".pcap" or ".pcapng" or ".cap" or ".dmp";

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("FIREWALL_SHARED") is { Length: > 0 } shared) return CapturesIn(shared);
        for (DirectoryInfo? up = new(AppContext.BaseDirectory); up is not null; up = up.Parent)
        {
            if (CapturesIn(Path.Combine(up.FullName, "shared")) is string found) return found;
        }

        return null;
    }

    private static string? CapturesIn(string shared)
    {
        string folder = Path.Combine(shared, "data", "captures");
        return Directory.Exists(folder) ? folder : null;
    }
}
