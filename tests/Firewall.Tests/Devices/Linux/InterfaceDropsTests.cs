using Firewall.Devices.Linux;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

public sealed class InterfaceDropsTests
{
    private static readonly string[] s_table =
    [
        "Inter-|   Receive                                                |  Transmit",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
        "    lo:  800      10    0    0    0     0          0         0      800      10    0    0    0     0       0          0",
        "  fw0: 123456    1000    0    7    0     0          0         0   654321    2000    0   42    0     0       0          0",
        " short: 1 2 3",
    ];

    [Fact]
    public void Drops_are_read_from_the_column_of_each_direction() => Assert.Equal(new InterfaceDrops(7, 42), InterfaceDrops.Read(s_table, "fw0"));

    [Theory]
    [InlineData("fw")]
    [InlineData("fw01")]
    [InlineData("short")]
    public void An_interface_that_is_not_there_has_none(string name) => Assert.Null(InterfaceDrops.Read(s_table, name));
}
