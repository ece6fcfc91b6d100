using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>Pages of two megabytes in place of four kilobytes (transparent huge pages).</summary>
internal static class HugePages
{
    private const int Advice = 14; // MADV_HUGEPAGE

    /// <summary>
    /// Asks the kernel for them. It gives them where it has them and where <c>/sys/kernel/mm/transparent_hugepage/enabled</c>, or for a file the option
    /// <c>huge=</c> of its tmpfs, allows it; without them everything works as well.
    /// </summary>
    public static void AskFor(nint address, long length) => _ = LibC.Advise(address, (nuint)length, Advice);
}
