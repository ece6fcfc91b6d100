using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>
/// What hosts tell their link (multicast listener reports, solicitations, advertisements) on the real TUN: counted under its own reason, never
/// told as a drop, never sent on. The appliance keeps the kernel from sending any, so the tests ask for it.
/// </summary>
public sealed class LinkLocalTests
{
    private const string Tun = "fw0";
    private const int Refused = 5353;
    private const int RouterSolicitation = 133;
    private const int ListenerReport = 143;

    // 130 to 136 are MLD 1 and neighbor discovery, 143 is MLD 2, 151 to 153 multicast router discovery.
    private static readonly (byte Type, string Destination, int Length)[] Messages =
    [
        (130, "ff02::1", 24), (131, "ff02::fb", 24), (132, "ff02::2", 24),
        (133, "ff02::2", 8), (134, "ff02::1", 16), (135, "ff02::1:ff00:4", 24), (136, "ff02::1", 24),
        (143, "ff02::16", 28), (151, "ff02::6a", 8), (152, "ff02::2", 4), (153, "ff02::6a", 4),
    ];

    [Fact]
    public void The_kernels_own_words_to_the_link_are_counted_and_make_no_noise()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = Start(lab);
        using Process follower = Follow(lab);
        long sentOn = SentOn(lab);
        Assert.Equal(0, Counted(lab));

        // As if somebody had set the interface up by hand: with a link-local address the kernel asks for routers, and a name service joins its group.
        lab.Gateway.Run("sysctl", "-qw", $"net.ipv6.conf.{Tun}.accept_ra=2", $"net.ipv6.conf.{Tun}.router_solicitation_delay=0");
        lab.Gateway.Ip("link", "set", Tun, "multicast", "on");
        lab.Gateway.Run("sysctl", "-qw", $"net.ipv6.conf.{Tun}.addr_gen_mode=3");
        Wait.Until(() => lab.Gateway.Ip("-6", "addr", "show", Tun).Contains("fe80::", StringComparison.Ordinal), "the TUN has no link-local address");
        using Socket member = lab.Gateway.Inside(static () => new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp));
        member.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.AddMembership, new IPv6MulticastOption(IPAddress.Parse("ff02::fb"), lab.Gateway.IndexOf(Tun)));
        Wait.Until(() => Said(lab, RouterSolicitation) > 0, "the kernel asked for no router");
        Wait.Until(() => Said(lab, ListenerReport) > 0, "the kernel reported no group");
        Wait.Until(() => Counted(lab) >= Said(lab, RouterSolicitation) + Said(lab, ListenerReport), "not all of it is counted");
        AssertSilent(lab, appliance, follower, sentOn);
    }

    [Fact]
    public void Every_kind_of_it_is_counted_and_makes_no_noise()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = Start(lab);
        using Process follower = Follow(lab);
        long sentOn = SentOn(lab);
        lab.Gateway.Ip("addr", "add", "fe80::f1/64", "dev", Tun, "nodad");
        lab.Gateway.Inside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.IcmpV6);
            socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastTimeToLive, 255);
            socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, lab.Gateway.IndexOf(Tun));
            foreach ((byte type, string destination, int length) in Messages)
            {
                for (int i = 0; i < 10; i++) socket.SendTo((byte[])[type, .. new byte[length - 1]], new IPEndPoint(IPAddress.Parse(destination), 0));
            }
        });

        // The kernel may have said something of its own.
        Wait.Until(() => Counted(lab) >= 10 * Messages.Length, $"not all are counted:\n{Metrics(lab)}");
        AssertSilent(lab, appliance, follower, sentOn);
    }

    private static RunningAppliance Start(Lab lab)
    {
        lab.WriteRules(Nsg.Group(Nsg.Rule("deny-refused", 100, "Udp", $"{Refused}", access: "Deny"), Nsg.Rule("allow-all", 110, "*", "*")));
        RunningAppliance appliance = RunningAppliance.Start(lab.Gateway, lab.Configuration(), "env", $"FIREWALL__ADMIN__SOCKET={AdminSocket(lab)}");
        appliance.WaitForLog("Admin socket ");
        return appliance;
    }

    private static Process Follow(Lab lab)
    {
        Process follower = lab.Gateway.Start(RunningAppliance.Executable, null, "drops", "follow", "--per-second", "1000", "--socket", AdminSocket(lab));
        Wait.Until(() => Value(Metrics(lab), "firewall_drop_followers") == 1, "nobody follows");
        return follower;
    }

    // A datagram that is denied ends the silence: whatever was told before it would stand before it.
    private static void AssertSilent(Lab lab, RunningAppliance appliance, Process follower, long sentOn)
    {
        using (var refused = new UdpPeer(lab.Client, Lab.ClientV4)) refused.Socket.SendTo([1], new IPEndPoint(IPAddress.Parse(Lab.VmV4), Refused));
        Assert.Contains("UserRule_deny-refused", follower.StandardOutput.ReadLine() ?? "", StringComparison.Ordinal);
        appliance.WaitForLog("Denied Udp", "UserRule_deny-refused");
        Assert.Single(appliance.Log.Split('\n'), static line => line.Contains("Denied ", StringComparison.Ordinal));
        Assert.DoesNotContain("ff02:", appliance.Log, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("fe80:", appliance.Log, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(": 1 denied packet\n", lab.Gateway.Run(RunningAppliance.Executable, "drops", "save", lab.Files["drops.pcapng"], "--socket", AdminSocket(lab)), StringComparison.Ordinal);

        // Nothing came out of the TUN: what it hands to the kernel is what the appliance lets through.
        Assert.Equal(sentOn, SentOn(lab));
        string metrics = Metrics(lab);
        Assert.DoesNotContain("firewall_packets_total{access=\"allow\"", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("reason=\"NoFlow\"", metrics, StringComparison.Ordinal);
        Assert.Equal(1, Value(metrics, "firewall_packets_total{access=\"deny\",reason=\"Rule\"}"));
        follower.Kill();
    }

    private static long Counted(Lab lab) => Value(Metrics(lab), "firewall_packets_total{access=\"deny\",reason=\"LinkLocal\"}");

    // What the kernel has sent by the TUN of an ICMPv6 type.
    private static long Said(Lab lab, int type) =>
        Regex.Match(lab.Gateway.Run("cat", $"/proc/net/dev_snmp6/{Tun}"), $@"Icmp6OutType{type}\s+(\d+)") is { Success: true } found ? long.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    private static long SentOn(Lab lab) => JsonDocument.Parse(lab.Gateway.Ip("-j", "-s", "link", "show", Tun))
        .RootElement[0].GetProperty("stats64").GetProperty("rx").GetProperty("packets").GetInt64();

    private static string Metrics(Lab lab) => lab.Gateway.Run("curl", "-s", "-m", "10", "--unix-socket", AdminSocket(lab), "http://firewall/metrics");

    private static string AdminSocket(Lab lab) => lab.Files["admin.sock"];

    private static long Value(string metrics, string name) =>
        Regex.Match(metrics, $"^{Regex.Escape(name)} (\\S+)$", RegexOptions.Multiline) is { Success: true } found ? (long)double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
}
