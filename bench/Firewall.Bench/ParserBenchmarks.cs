using BenchmarkDotNet.Attributes;
using Firewall.Core.Packets;

namespace Firewall.Bench;

/// <summary>What the bytes of a packet say, without anything that remembers.</summary>
[MemoryDiagnoser]
public class ParserBenchmarks
{
    private const int Turn = 4096;

    private byte[][] _datagrams = null!;
    private byte[][] _segments = null!;

    [GlobalSetup]
    public void Setup()
    {
        const byte PshAck = 0x18;
        _datagrams = [.. Enumerable.Range(0, Turn).Select(Traffic.Udp)];
        _segments = [.. Enumerable.Range(0, Turn).Select(flow => Traffic.Tcp(flow, PshAck, 32))];
    }

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Datagram() => Parse(_datagrams);

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Segment() => Parse(_segments);

    private static int Parse(byte[][] packets)
    {
        int sum = 0;
        foreach (byte[] packet in packets)
        {
            PacketParser.Parse(packet, packet.Length, out PacketInfo info);
            sum += info.Length;
        }

        return sum;
    }
}
