using System.Buffers.Binary;
using Firewall.SystemTests.Linux;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.SystemTests.Conntrack;

/// <summary>
/// The kernel's firewall: a namespace that forwards between two TUNs, with nftables and nf_conntrack set up for the same rules as
/// <see cref="OurConntrack"/>. Behind each packet goes a marker that is never tracked and always forwarded, so that nobody has to wait to
/// know that the packet was not.
/// </summary>
internal sealed class KernelConntrack : IDisposable
{
    private const int MarkerPort = 9;

    private static readonly byte[] MarkerFromOutsideV4 = PacketBuilder.Udp("203.0.113.254:9", "10.0.0.254:9", 8);
    private static readonly byte[] MarkerFromInsideV4 = PacketBuilder.Udp("10.0.0.254:9", "203.0.113.254:9", 8);
    private static readonly byte[] MarkerFromOutsideV6 = PacketBuilder.Udp("[2001:db8::254]:9", "[fd00::254]:9", 8);
    private static readonly byte[] MarkerFromInsideV6 = PacketBuilder.Udp("[fd00::254]:9", "[2001:db8::254]:9", 8);

    private readonly NetworkNamespace _place;
    private readonly TunPort _outside;
    private readonly TunPort _inside;

    /// <param name="loose">nf_conntrack_tcp_loose: whether a connection may be picked up in the middle.</param>
    public KernelConntrack(bool loose = false)
    {
        _place = new NetworkNamespace("conntrack");
        try
        {
            (int code, string output) = Shell.Try("sh", ["-c", "command -v nft"]);
            Assert.SkipWhen(code != 0, "needs nft (package nftables)" + output);
            (code, output) = _place.Try("nft", Ruleset);
            Assert.SkipWhen(code != 0, "needs a kernel with nf_tables and nf_conntrack: " + output);
            Settings("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv6.conf.all.forwarding=1",
                "net.ipv6.conf.default.addr_gen_mode=1", "net.ipv6.conf.default.accept_ra=0");
            (_outside, _inside) = _place.Inside(() => (new TunPort("outside"), new TunPort("inside")));
            foreach (string name in (string[])["outside", "inside"]) _place.Ip("link", "set", name, "mtu", "65521", "txqueuelen", "4096", "up");
            foreach ((string to, string name) in (ReadOnlySpan<(string, string)>)[("default", "outside"), ("10.0.0.0/8", "inside"), ("::/0", "outside"), ("fd00::/8", "inside")])
                _place.Ip(to.Contains(':', StringComparison.Ordinal) ? "-6" : "-4", "route", "add", to, "dev", name);
            Settings("net.netfilter.nf_conntrack_tcp_be_liberal=0", $"net.netfilter.nf_conntrack_tcp_loose={(loose ? 1 : 0)}",
                "net.netfilter.nf_conntrack_tcp_ignore_invalid_rst=0", "net.netfilter.nf_conntrack_checksum=1");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    // Nothing that the kernel itself sends gets out: no listener reports, no ICMP errors.
    private static string Ruleset => $$"""
        table inet same {
            chain untracked {
                type filter hook prerouting priority raw
                udp dport {{MarkerPort}} notrack
            }
            chain forward {
                type filter hook forward priority filter; policy drop
                udp dport {{MarkerPort}} accept
                ct state invalid counter drop
                ct state established,related accept
                iifname "inside" accept
                tcp dport { 22, 80 } accept
                udp dport 53 accept
                meta l4proto icmp accept
            }
            chain output {
                type filter hook output priority filter; policy drop
            }
        }
        """;

    /// <summary>Whether the kernel forwards the packet.</summary>
    public bool Passes(ReadOnlySpan<byte> packet, bool fromOutside)
    {
        bool isIPv4 = packet[0] >> 4 == 4;
        TunPort from = fromOutside ? _outside : _inside;
        TunPort to = fromOutside ? _inside : _outside;
        from.Send(packet);
        from.Send((isIPv4, fromOutside) switch
        {
            (true, true) => MarkerFromOutsideV4,
            (true, false) => MarkerFromInsideV4,
            (false, true) => MarkerFromOutsideV6,
            (false, false) => MarkerFromInsideV6,
        });
        bool hasPassed = false;
        while (true)
        {
            ReadOnlySpan<byte> passed = to.Receive();
            if (IsMarker(passed)) return hasPassed;
            if (hasPassed) throw new InvalidOperationException($"the kernel made more packets of {Convert.ToHexString(packet)}: {Convert.ToHexString(passed)}");
            hasPassed = true;
        }
    }

    /// <summary>The kernel's entries whose line contains that text, to print.</summary>
    public string Entries(string text) => _place.Inside(() =>
        string.Join('\n', File.ReadLines("/proc/thread-self/net/nf_conntrack").Where(line => line.Contains(text, StringComparison.Ordinal))));

    /// <summary>Sets one of the kernel's settings in the namespace.</summary>
    public void Settings(params string[] settings) => _place.Run("sysctl", ["-qw", .. settings]);

    public void Dispose()
    {
        _outside?.Dispose();
        _inside?.Dispose();
        _place.Dispose();
    }

    private static bool IsMarker(ReadOnlySpan<byte> packet)
    {
        int transport = packet[0] >> 4 == 4 ? 20 : 40;
        return packet[transport == 20 ? 9 : 6] == 17 && BinaryPrimitives.ReadUInt16BigEndian(packet[(transport + 2)..]) == MarkerPort;
    }
}
