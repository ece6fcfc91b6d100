using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>Who chooses addresses and ports chooses no collisions: sets of tuples that differ in a few bytes have as many hashes as chance gives.</summary>
public sealed class FlowHashTests
{
    private const int Bytes = 256;
    private const int Least = 16;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bytes_of_the_port_are_not_undone_by_bytes_of_an_address(bool bySipHash)
    {
        var random = new Random(7);
        Span<byte> key = stackalloc byte[32];
        random.NextBytes(key);
        var hash = new FlowHash(key);
        var target = new IpAddress(0x2001_0DB8_0000_0000, 4);

        // Of every two bytes of the other end's address and one of its port. What collides by chance in 64 bits is nothing; in one round of AES
        // the effect of a byte stays within four, so that it takes no luck to undo it.
        for (int first = 4; first < 16; first++)
        {
            for (int second = first + 1; second < 16; second++)
            {
                var seen = new HashSet<ulong>(Bytes * Least * Least);
                for (int port = 0; port < Bytes; port++)
                {
                    for (int a = 0; a < Least; a++)
                    {
                        for (int b = 0; b < Least; b++)
                        {
                            IpAddress other = Other(first, (byte)(a << 4), second, (byte)(b << 4));
                            ulong rest = FlowHash.RestOf(443, (ushort)port, IpProtocol.Udp);
                            seen.Add(bySipHash ? hash.SipHash13(target, other, rest) : hash.Of(target, other, rest));
                        }
                    }
                }

                Assert.True(seen.Count == Bytes * Least * Least, $"bytes {first} and {second}: {seen.Count} hashes of {Bytes * Least * Least}");
            }
        }
    }

    private static IpAddress Other(int first, byte one, int second, byte two)
    {
        Span<byte> address = stackalloc byte[16];
        address[0] = 0x2A;
        address[first] = one;
        address[second] = two;
        return IpAddress.ReadIPv6(address);
    }
}
