using Firewall.SystemTests.Linux;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Firewall.SystemTests;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (Child.TryRun() is { } code) return code;
        return args.Any(argument => argument is "--server" or "--internal-msbuild-node")
            ? await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : await ConsoleRunner.Run(args);
    }
}
