using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Finds files of the folder <c>shared</c> that may lie beside the repository.</summary>
internal static class SharedFile
{
    /// <summary>The file's path; skips the test if it is not there. FIREWALL_SHARED overrides the folder.</summary>
    public static string OrSkip(string relative)
    {
        string? folder = Environment.GetEnvironmentVariable("FIREWALL_SHARED");
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); folder is null && at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared");
            if (Directory.Exists(candidate)) folder = candidate;
        }

        string path = Path.Combine(folder ?? "", relative);
        Assert.SkipUnless(folder is not null && File.Exists(path), $"{relative} is not there; set FIREWALL_SHARED to the folder that has it.");
        return path;
    }
}
