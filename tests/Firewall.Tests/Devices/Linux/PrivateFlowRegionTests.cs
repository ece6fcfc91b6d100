using System.Globalization;
using Firewall.Core.Flows;
using Firewall.Devices.Linux;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

public sealed class PrivateFlowRegionTests
{
    private const long Length = 8 << 20;

    [Fact]
    public void It_is_zeroed_and_asked_to_be_of_huge_pages()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Directory.Exists("/sys/kernel/mm/transparent_hugepage"), "a kernel without huge pages");
        using PrivateFlowRegion region = PrivateFlowRegion.Create(Length);
        Assert.Equal(Length, region.Length);
        Assert.Equal(0, region.Address % 4096);
        Assert.Contains(" hg", FlagsOf(region.Address), StringComparison.Ordinal);
        using FlowTable table = new(new FlowLimits { MaxFlows = 1000 }, 1, region);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void What_cannot_be_mapped_is_told()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a mapping of Linux");
        Assert.Throws<InsufficientMemoryException>(static () => PrivateFlowRegion.Create(1L << 60));
    }

    // VmFlags of the mapping that the address lies in: "hg" for MADV_HUGEPAGE (proc_pid_smaps(5)).
    private static string FlagsOf(nint address)
    {
        bool isIn = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string range = line.Split(' ')[0];
            if (range.Split('-') is [{ } first, { } last] && ulong.TryParse(first, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong start)
                && ulong.TryParse(last, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong end))
            {
                isIn = start <= (ulong)address && (ulong)address < end;
            }
            else if (isIn && line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                return line;
            }
        }

        return "";
    }
}
