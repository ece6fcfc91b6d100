using Firewall.Hosting;
using Xunit;

namespace Firewall.Tests.App;

public class RunningInstanceTests
{
    private const string Addition = "0123456789abcdef0123456789abcdef";

    [Fact]
    public void Only_names_of_the_tun_at_which_somebody_listens_are_looked_at()
    {
        string[] lines =
        [
            "Num       RefCount Protocol Flags    Type St Inode Path",
            "0000000000000000: 00000002 00000000 00010000 0001 01 27541 @firewall/fw0",
            "0000000000000000: 00000003 00000000 00000000 0001 03 27542 @firewall/fw0", // a connection
            "0000000000000000: 00000002 00000000 00010000 0001 01 27543 @firewall/fw01",
            $"0000000000000000: 00000002 00000000 00010000 0001 01     9 @firewall/fw0/{Addition}",
            $"0000000000000000: 00000002 00000000 00000000 0001 01 27544 @firewall/fw0/{Addition}",
            "0000000000000000: 00000002 00000000 00010000 0001 01 27545 /run/firewall/fw0-1.sock",
            "0000000000000000: 00000002 00000000 00010000 0001 01 27546",
        ];
        Assert.Equal(["\0firewall/fw0", $"\0firewall/fw0/{Addition}"], RunningInstance.NamesIn(lines, "fw0"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x y z")]
    [InlineData("0: 2 0 00010000 0001 01 5 @firewall/fw0/../../etc")]
    [InlineData("0: 2 0 00010000 0001 01 5 @firewall/fw0/0123456789abcdef0123456789abcdef0")]
    [InlineData("0: 2 0 00010000 0001 01 5 @firewall/fw0/0123456789ABCDEF0123456789ABCDEF")]
    [InlineData("0: 2 0 zz 0001 01 5 @firewall/fw0")]
    public void What_somebody_writes_into_the_list_by_a_name_of_his_own_is_passed_over(string line) => Assert.Empty(RunningInstance.NamesIn([line], "fw0"));

    [Fact]
    public void A_name_that_nobody_can_foresee_is_found_again()
    {
        string name = RunningInstance.UnforeseeableName("fw0");
        Assert.NotEqual(name, RunningInstance.UnforeseeableName("fw0"));
        Assert.Equal(name, Assert.Single(RunningInstance.NamesIn([$"0: 2 0 00010000 0001 01 5 @{name[1..]}"], "fw0")));
    }
}
