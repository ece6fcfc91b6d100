using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class IpAddressTests
{
    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("2001:db8::1")]
    [InlineData("::")]
    public void An_address_reads_back_as_it_was_written(string text)
    {
        Assert.True(IpAddress.TryParse(text, out IpAddress address));
        Assert.Equal(text, address.ToString());
    }

    [Theory]
    [InlineData("10.1")]
    [InlineData("010.0.0.1")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[::1]")]
    [InlineData("10.0.0.1.")]
    public void Short_octal_scoped_and_bracketed_forms_are_refused(string text) => Assert.False(IpAddress.TryParse(text, out _));

    [Fact]
    public void A_prefix_knows_its_first_and_last_address()
    {
        Assert.True(IpPrefix.TryParse("10.20.30.77/20", out IpPrefix prefix, out bool hasHostBits));
        Assert.True(hasHostBits);
        Assert.Equal("10.20.16.0", prefix.First.ToString());
        Assert.Equal("10.20.31.255", prefix.Last.ToString());
        Assert.Equal("10.20.16.0/20", prefix.ToString());
    }

    [Fact]
    public void A_prefix_of_one_family_contains_nothing_of_the_other()
    {
        Assert.True(IpPrefix.TryParse("::/0", out IpPrefix everything, out _));
        Assert.True(IpAddress.TryParse("10.0.0.1", out IpAddress address));
        Assert.False(everything.Contains(address));
    }
}
