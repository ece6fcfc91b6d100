using Xunit;

namespace Firewall.SystemTests;

/// <summary>What a system test needs of the machine; where it is missing, the test skips and says what.</summary>
internal static class Root
{
    /// <summary>Skips the running test unless it runs as root.</summary>
    public static void Require() =>
        Assert.SkipUnless(Environment.UserName == "root", "needs root: network namespaces and /dev/net/tun");
}
