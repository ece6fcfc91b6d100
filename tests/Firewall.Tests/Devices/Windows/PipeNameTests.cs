using Firewall.Devices.Windows.Pipes;
using Xunit;

namespace Firewall.Tests.Devices.Windows;

/// <summary>What counts as the full name of a pipe of this machine.</summary>
public sealed class PipeNameTests
{
    [Theory]
    [InlineData(@"\\.\pipe\firewall-fw0", true)]
    [InlineData(@"\\.\PIPE\a", true)]
    [InlineData(@"\\.\pipe\", false)]
    [InlineData(@"\\.\pipe\a\b", false)]
    [InlineData(@"\\server\pipe\a", false)]
    [InlineData("firewall-fw0", false)]
    [InlineData("/run/firewall/fw0.sock", false)]
    public void It_has_the_prefix_and_one_word(string name, bool isFull) => Assert.Equal(isFull, PipeName.IsFull(name));

    [Fact]
    public void It_has_256_characters_at_most()
    {
        Assert.True(PipeName.IsFull(PipeName.Prefix + new string('a', 256 - PipeName.Prefix.Length)));
        Assert.False(PipeName.IsFull(PipeName.Prefix + new string('a', 257 - PipeName.Prefix.Length)));
    }

    [Fact]
    public void The_word_is_what_stands_behind_the_prefix() => Assert.Equal("firewall-fw0", PipeName.WordOf(@"\\.\pipe\firewall-fw0"));
}
