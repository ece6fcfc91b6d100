using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Firewall.SystemTests.Linux;
using Firewall.Tests.FlowLogs;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>What flow logs say was sent is what programs that know nothing of the firewall counted: iperf3 at both ends, tcpdump at the TUN.</summary>
public sealed class FlowLogJudgesTests
{
    private const int Service = 5001;
    private const int TcpSource = 40_001;
    private const int UdpSource = 40_002;
    private const int LastSource = 40_003;
    private const int Datagrams = 20_000;
    private const int DatagramPayload = 500;
    private const long Transfer = 50_000_000;
    private const int SegmentPayload = 1448; // of an MTU of 1,500, with a timestamp

    [Fact]
    public void Sums_of_packets_and_bytes_equal_what_iperf3_and_tcpdump_counted()
    {
        using var lab = new Lab();
        string logs = lab.Files["logs"];
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(), "env", $"FIREWALL__FLOWLOGS__FOLDER={logs}", "FIREWALL__FLOWLOGS__INTERVAL=1", "FIREWALL__FLOWLOGS__CONTINUEINTERVAL=1");
        using Process server = lab.Vm.Start("iperf3", null, "-s", "-p", $"{Service}");
        server.OutputDataReceived += static (_, _) => { };
        server.BeginOutputReadLine();
        // Only what the kernel hands to the TUN: what the firewall writes back may be several packets in one.
        using Process dump = lab.Gateway.Start(
            "tcpdump", null, "-i", "fw0", "-Q", "out", "-s", "80", "-B", "65536", "--immediate-mode", "-U", "-w", lab.Files["dump.pcap"], "host", Lab.VmV4);
        Assert.Contains("listening on fw0", dump.StandardError.ReadLine(), StringComparison.Ordinal);
        JsonElement tcp;
        JsonElement udp;
        try
        {
            tcp = Iperf(lab, "-n", $"{Transfer}", "--cport", $"{TcpSource}");
            udp = Iperf(lab, "-u", "-b", "50M", "-l", $"{DatagramPayload}", "-k", $"{Datagrams}", "--cport", $"{UdpSource}").GetProperty("sum");
            // tcpdump throws away what it has not yet read when it is told to stop.
            using var last = new UdpPeer(lab.Client, Lab.ClientV4, LastSource);
            last.Socket.SendTo([1], new IPEndPoint(IPAddress.Parse(Lab.VmV4), Service));
            Wait.Until(() => Shell.Try("tcpdump", ["-r", lab.Files["dump.pcap"], "-n", $"src port {LastSource}"]).Output.Contains($"{LastSource} >", StringComparison.Ordinal), "tcpdump does not see it");
        }
        finally
        {
            Shell.Run("kill", "-INT", $"{dump.Id}");
            server.Kill();
        }

        string said = dump.StandardError.ReadToEnd();
        Assert.Contains("\n0 packets dropped by kernel", said, StringComparison.Ordinal);
        Assert.Equal(0, appliance.Terminate());
        List<AzureTuple> vnet = AzureFlowLogReader.ReadVnet(logs);
        Assert.Equal(Sum(vnet), Sum(AzureFlowLogReader.ReadNsg(logs)));

        // Nobody listens for the last datagram; the error that says so belongs to its flow and is none of its packets.
        Assert.Equal(Captured(lab, "not icmp"), Sum(vnet));
        foreach (int source in (int[])[TcpSource, UdpSource])
        {
            Counts there = Captured(lab, $"src host {Lab.ClientV4} and src port {source}");
            Counts back = Captured(lab, $"dst host {Lab.ClientV4} and dst port {source}");
            Assert.Equal((there, back), (Sent(vnet, source), Received(vnet, source)));
        }

        // One datagram of four bytes in front of all, and one as its answer, are how iperf3 begins.
        Assert.Equal(Datagrams, udp.GetProperty("packets").GetInt32());
        Assert.Equal(new Counts(Datagrams + 1, (Datagrams * (28L + DatagramPayload)) + 32), Sent(vnet, UdpSource));
        Assert.Equal(new Counts(1, 32), Received(vnet, UdpSource));
        // A stream's headers are 52 bytes with a timestamp, the SYN's 60; a cookie of 37 bytes is its begin. The receiver counts until the sender
        // is done, not until all has arrived, and what was sent twice has passed twice: as many segments as the sender says, and a few after its count.
        Counts stream = Sent(vnet, TcpSource);
        long payload = stream.Bytes - (stream.Packets * 52) - 8 - 37;
        JsonElement sum = tcp.GetProperty("sum_sent");
        long sent = sum.GetProperty("bytes").GetInt64();
        long again = sum.GetProperty("retransmits").GetInt64() * SegmentPayload;
        Assert.InRange(payload, tcp.GetProperty("sum_received").GetProperty("bytes").GetInt64(), sent + again + (sent / 100));
    }

    private static JsonElement Iperf(Lab lab, params string[] arguments)
    {
        string[] all = ["-c", Lab.VmV4, "-p", $"{Service}", "-J", .. arguments];
        // The server may still be about to listen.
        (int code, string said) = (1, "");
        Wait.Until(() => ((code, said) = lab.Client.Try("iperf3", all)).code == 0 || !said.Contains("unable to connect", StringComparison.Ordinal), "iperf3's server does not answer");
        Assert.True(code == 0, said);
        return JsonDocument.Parse(said).RootElement.GetProperty("end");
    }

    private static Counts Sent(List<AzureTuple> tuples, int source) =>
        tuples.Where(t => IsOf(t, source)).Aggregate(default(Counts), (sum, t) => sum.With(t.PacketsSent, t.BytesSent));

    private static Counts Received(List<AzureTuple> tuples, int source) =>
        tuples.Where(t => IsOf(t, source)).Aggregate(default(Counts), (sum, t) => sum.With(t.PacketsReceived, t.BytesReceived));

    private static Counts Sum(List<AzureTuple> tuples) =>
        tuples.Aggregate(default(Counts), (sum, t) => sum.With(t.PacketsSent + t.PacketsReceived, t.BytesSent + t.BytesReceived));

    private static bool IsOf(AzureTuple tuple, int source) => tuple.Flow.Contains($",{source},{Service},", StringComparison.Ordinal);

    // tcpdump chooses the packets; the file that it makes has a head of 24 bytes, and each packet one of 16 with the whole length in its last four.
    private static Counts Captured(Lab lab, string filter)
    {
        Shell.Run("tcpdump", "-r", lab.Files["dump.pcap"], "-w", lab.Files["part.pcap"], filter);
        ReadOnlySpan<byte> file = File.ReadAllBytes(lab.Files["part.pcap"]);
        Counts sum = default;
        for (ReadOnlySpan<byte> rest = file[24..]; !rest.IsEmpty; rest = rest[(16 + BinaryPrimitives.ReadInt32LittleEndian(rest[8..]))..])
            sum = sum.With(1, BinaryPrimitives.ReadUInt32LittleEndian(rest[12..]));
        return sum;
    }

    private readonly record struct Counts(long Packets, long Bytes)
    {
        public Counts With(long packets, long bytes) => new(Packets + packets, Bytes + bytes);
    }
}
