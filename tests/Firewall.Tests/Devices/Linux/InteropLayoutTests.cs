using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Interop;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

public class InteropLayoutTests
{
    [Fact]
    public void Structures_have_the_size_that_the_kernel_expects_on_64_bit_machines()
    {
        Assert.Equal(40, Unsafe.SizeOf<InterfaceRequest>());
        Assert.Equal(8, Unsafe.SizeOf<PollDescriptor>());
        Assert.Equal(12, Unsafe.SizeOf<NetlinkAddress>());
    }

    [Fact]
    public void An_interface_request_is_a_zero_padded_name_and_its_flags_at_byte_16()
    {
        var request = new InterfaceRequest("fw0", TunCalls.Exclusive | TunCalls.Tun);
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<InterfaceRequest>(in request));
        Assert.Equal("fw0\0"u8.ToArray(), bytes[..4].ToArray());
        Assert.True(bytes[4..16].IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal(0x8001, MemoryMarshal.Read<ushort>(bytes[16..]));
        Assert.Equal("fw0", request.Name);
    }

    [Fact]
    public void The_longest_interface_name_keeps_its_final_zero()
    {
        var request = new InterfaceRequest("abcdefghijklmno", 0);
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<InterfaceRequest>(in request));
        Assert.Equal(0, bytes[15]);
        Assert.Equal("abcdefghijklmno", request.Name);
    }

    [Fact]
    public void A_poll_descriptor_is_a_number_and_two_sets_of_events()
    {
        var descriptor = new PollDescriptor(0x01020304, PollDescriptor.Input) { Returned = 8 };
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<PollDescriptor>(in descriptor));
        Assert.Equal(0x01020304, MemoryMarshal.Read<int>(bytes));
        Assert.Equal(1, MemoryMarshal.Read<short>(bytes[4..]));
        Assert.Equal(8, MemoryMarshal.Read<short>(bytes[6..]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a-name-of-16-chr")]
    [InlineData("fw/0")]
    [InlineData("fw 0")]
    [InlineData("fw:0")]
    [InlineData("fw%d")]
    [InlineData("..")]
    [InlineData("fwä")]
    public void Names_that_the_kernel_would_refuse_or_change_are_refused(string name) => Assert.NotNull(InterfaceName.Check(name));

    [Theory]
    [InlineData("fw0")]
    [InlineData("eth0.100")]
    [InlineData("abcdefghijklmno")]
    public void Usual_names_are_good(string name) => Assert.Null(InterfaceName.Check(name));

    [Fact]
    public void An_error_is_named_and_explained() =>
        Assert.StartsWith("EBUSY, ", Errno.EBUSY.Describe(), StringComparison.Ordinal);
}
