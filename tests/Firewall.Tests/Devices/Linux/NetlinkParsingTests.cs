using System.Buffers.Binary;
using CsCheck;
using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

public class NetlinkParsingTests
{
    private const int Header = NetlinkMessage.HeaderLength;

    [Fact]
    public void A_request_is_aligned_and_carries_its_length_type_flags_and_sequence()
    {
        NetlinkRequest request = new NetlinkRequest(NetlinkMessage.GetLink, NetlinkMessage.Acknowledge, "testing")
            .UInt32(7).Attribute(3, "fw0").Attribute(4, 1500u);
        ReadOnlySpan<byte> bytes = request.Finish(9, NetlinkMessage.Dump);
        Assert.Equal(Header + 4 + 8 + 8, bytes.Length);
        Assert.Equal((uint)bytes.Length, NetlinkMessage.ReadUInt32(bytes));
        Assert.Equal(NetlinkMessage.GetLink, NetlinkMessage.ReadUInt16(bytes[4..]));
        Assert.Equal(0x1 | 0x4 | 0x300, NetlinkMessage.ReadUInt16(bytes[6..]));
        Assert.Equal(9u, NetlinkMessage.ReadUInt32(bytes[8..]));
        var attributes = new NetlinkAttributes(bytes[(Header + 4)..]);
        Assert.True(attributes.Next());
        Assert.Equal(3, attributes.Type);
        Assert.Equal("fw0", attributes.Text);
        Assert.True(attributes.Next());
        Assert.Equal(1500u, attributes.UInt32);
        Assert.False(attributes.Next());
    }

    [Fact]
    public void Nested_attributes_read_back()
    {
        NetlinkRequest request = new NetlinkRequest(1, 0, "testing").Nest(26, outer => outer.Nest(10, inner => inner.Attribute(8, (byte)1)));
        var families = new NetlinkAttributes(request.Finish(1, 0)[Header..]);
        Assert.True(families.Next());
        Assert.Equal(26, families.Type);
        NetlinkAttributes family = families.Nested;
        Assert.True(family.Next());
        Assert.Equal(10, family.Type);
        NetlinkAttributes options = family.Nested;
        Assert.True(options.Next());
        Assert.Equal(1, options.Byte);
    }

    [Theory]
    [InlineData(new byte[] { 8, 0, 1 })]
    [InlineData(new byte[] { 3, 0, 1, 0 })]
    [InlineData(new byte[] { 12, 0, 1, 0, 1, 2, 3, 4 })]
    public void An_attribute_whose_length_does_not_fit_is_an_error(byte[] bytes)
    {
        Assert.Throws<NetlinkException>(() =>
        {
            var attributes = new NetlinkAttributes(bytes);
            while (attributes.Next())
            {
            }
        });
    }

    [Fact]
    public void A_number_of_the_wrong_size_is_an_error() => Assert.Throws<NetlinkException>(() =>
    {
        var attributes = new NetlinkAttributes([6, 0, 1, 0, 1, 2, 0, 0]);
        attributes.Next();
        return attributes.UInt32;
    });

    [Fact]
    public void Routes_rules_and_proxies_read_back_as_they_were_written()
    {
        Assert.True(IpPrefix.TryParse("10.20.0.0/16", out IpPrefix v4, out _));
        Assert.True(IpPrefix.TryParse("2001:db8:7::/48", out IpPrefix v6, out _));
        foreach (IpPrefix prefix in new[] { v4, v6 })
        {
            byte family = prefix.IsIPv4 ? NetlinkMessage.IPv4 : NetlinkMessage.IPv6;
            var route = new Route
            {
                Destination = prefix,
                Table = 11400,
                Protocol = 114,
                Metric = 5,
                InterfaceIndex = 3,
                PreferredSource = prefix.Last,
            };
            Assert.Equal(route, Route.Read(route.ToAddRequest().Finish(1, 0)[Header..]));
            var closed = new Route { Destination = prefix, Table = 254, Type = RouteType.Unreachable, Protocol = 114, Metric = uint.MaxValue };
            Assert.Equal(closed, Route.Read(closed.ToAddRequest().Finish(1, 0)[Header..]));
            var rule = new RoutingRule
            {
                Family = family,
                Priority = 45,
                Table = 255,
                InputInterface = "eth0",
                Destination = prefix,
                IpProtocol = 17,
                Protocol = 114,
                SourcePorts = new PortSpan(67),
                DestinationPorts = new PortSpan(68, 69),
            };
            Assert.Equal(rule, RoutingRule.Read(rule.ToAddRequest().Finish(1, 0)[Header..]));
            var refusal = new RoutingRule
            {
                Family = family,
                Priority = 44,
                Action = RuleAction.Prohibit,
                InputInterface = "lo",
                OutputInterface = "eth0",
                Protocol = 114,
            };
            Assert.Equal(refusal, RoutingRule.Read(refusal.ToAddRequest().Finish(1, 0)[Header..]));
            var proxy = new ProxyNeighbor(3, prefix.Last, 114);
            Assert.Equal(proxy, ProxyNeighbor.Read(proxy.ToAddRequest().Finish(1, 0)[Header..]));
        }
    }

    [Fact]
    public void A_rule_with_a_selector_that_we_do_not_know_is_foreign()
    {
        var rule = new RoutingRule { Family = NetlinkMessage.IPv4, Priority = 45, Table = 255, Protocol = 114 };
        NetlinkRequest marked = rule.ToAddRequest().Attribute(10, 1u);
        Assert.True(RoutingRule.Read(marked.Finish(1, 0)[Header..])!.IsForeign);
    }

    [Theory]
    [InlineData(0x0, false)]
    [InlineData(0x1, true)] // RTNH_F_DEAD
    [InlineData(0x10, false)] // RTNH_F_LINKDOWN: used all the same
    [InlineData(0x11, true)] // passed by, as ignore_routes_with_linkdown says
    public void A_route_is_dead_when_the_kernel_passes_it_by_and_not_for_want_of_a_carrier(byte flags, bool isDead)
    {
        var bare = new Route { Destination = IpPrefix.Create(IpAddress.FromIPv4(0), 0), Table = 254, InterfaceIndex = 3 };
        byte[] body = [.. bare.ToAddRequest().Finish(1, 0)[Header..]];
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), flags);
        Assert.Equal(isDead, Route.Read(body)!.IsDead);
    }

    [Fact]
    public void A_route_over_several_hops_reads_its_first()
    {
        Span<byte> hops = stackalloc byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(hops, 16);
        BinaryPrimitives.WriteInt32LittleEndian(hops[4..], 7);
        BinaryPrimitives.WriteUInt16LittleEndian(hops[8..], 8);
        BinaryPrimitives.WriteUInt16LittleEndian(hops[10..], 5);
        IpAddress.FromIPv4(0x0A000001).WriteBytes(hops[12..]);
        var bare = new Route { Destination = IpPrefix.Create(IpAddress.FromIPv4(0), 0), Table = 254 };
        byte[] body = [.. bare.ToAddRequest().Finish(1, 0)[Header..], 20, 0, 9, 0, .. hops];
        Route route = Route.Read(body)!;
        Assert.Equal(7, route.InterfaceIndex);
        Assert.Equal(IpAddress.FromIPv4(0x0A000001), route.Gateway);
    }

    [Fact]
    public void No_bytes_make_the_readers_fail_otherwise_than_by_a_netlink_error() => Gen.Byte.Array[0, 120].Sample(bytes =>
    {
        Action[] readers =
        [
            () => Link.Read(bytes), () => InterfaceAddress.Read(bytes), () => Route.Read(bytes), () => RoutingRule.Read(bytes), () => ProxyNeighbor.Read(bytes),
        ];
        foreach (Action reader in readers)
        {
            try
            {
                reader();
            }
            catch (NetlinkException)
            {
                // Refused, as it should be.
            }
        }
    });
}
