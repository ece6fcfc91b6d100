using BenchmarkDotNet.Attributes;
using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;

namespace Firewall.Bench;

/// <summary>A full batch of datagrams of few or many flows, planned and built into super-packets.</summary>
[MemoryDiagnoser]
public class CoalescerBenchmarks
{
    private readonly byte[] _target = new byte[PacketCoalescer.HeaderLength + PacketBatch.MaxPacketLength];
    private PacketBatch _batch = null!;
    private PacketCoalescer _coalescer = null!;

    [Params(1, 16, 64)]
    public int Flows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _batch = new PacketBatch(PacketCoalescer.HeaderLength);
        _coalescer = new PacketCoalescer(_batch.MaxCount);
        for (int i = 0; i < PacketBatch.DefaultCapacity; i++)
        {
            byte[] packet = Traffic.Udp(i % Flows);
            Span<byte> frame = _batch.NextFrame()[..(PacketCoalescer.HeaderLength + packet.Length)];
            frame.Clear();
            packet.CopyTo(frame[PacketCoalescer.HeaderLength..]);
            _batch.Commit(frame.Length);
            _batch.Allow(i);
        }
    }

    [Benchmark(OperationsPerInvoke = PacketBatch.DefaultCapacity)]
    public int Plan()
    {
        _coalescer.Plan(_batch);
        return _coalescer.Count;
    }

    [Benchmark(OperationsPerInvoke = PacketBatch.DefaultCapacity)]
    public int Plan_and_build()
    {
        int length = 0;
        _coalescer.Plan(_batch);
        for (int i = 0; i < _coalescer.Count; i++)
        {
            length += _coalescer.Members(i) > 1 ? _coalescer.Build(_batch, i, _target) : _batch.Frame(_coalescer.First(i)).Length;
        }

        return length;
    }
}
