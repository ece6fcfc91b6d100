using Firewall.Core.Flows;
using Xunit;

namespace Firewall.Tests.Flows;

public sealed class RandomKeyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(14)]
    [InlineData(32)]
    [InlineData(65)]
    public void Every_bit_of_a_key_is_sometimes_set_and_sometimes_not(int length)
    {
        byte[] everSet = new byte[length];
        byte[] alwaysSet = [.. Enumerable.Repeat((byte)0xFF, length)];
        byte[] key = new byte[length];
        // A bit that is truly random stays the same 128 times with a probability of 2^-127.
        for (int round = 0; round < 128; round++)
        {
            RandomKey.Fill(key);
            for (int i = 0; i < length; i++)
            {
                everSet[i] |= key[i];
                alwaysSet[i] &= key[i];
            }
        }

        Assert.All(everSet, bits => Assert.Equal(0xFF, bits));
        Assert.All(alwaysSet, bits => Assert.Equal(0, bits));
    }
}
