using Xunit;

namespace Firewall.Tests.App;

/// <summary><c>firewall service</c> where there is no service control manager; with one it is tested on Wine (tests/windows).</summary>
public sealed class ServiceCommandTests
{
    [Theory]
    [InlineData("install")]
    [InlineData("remove")]
    public void Off_Windows_it_says_what_runs_there_instead(string command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "it would install a service");
        CommandRunner result = CommandRunner.Run("service", command);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("on Windows only; elsewhere systemd or a container runs `firewall run`", result.Error, StringComparison.Ordinal);
    }
}
