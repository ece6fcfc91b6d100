using Firewall.Core.Dataplane;

namespace Firewall.Bench;

/// <summary>A queue that never runs dry: datagrams of numbered flows, in random order or one after the other, behind a device header; what is written is forgotten.</summary>
internal sealed class DatagramQueue(int flows) : IPacketQueue
{
    private readonly Random _random = new(1);
    private readonly byte[] _template = Traffic.Udp(0);
    private int _next;

    /// <summary>One flow after the other instead of any.</summary>
    public bool InOrder { get; init; }

    public int HeaderLength => 10;

    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        while (batch.HasRoom)
        {
            Span<byte> frame = batch.NextFrame()[..(HeaderLength + _template.Length)];
            frame[..HeaderLength].Clear();
            _template.CopyTo(frame[HeaderLength..]);
            Traffic.Number(frame[HeaderLength..], InOrder ? _next++ % flows : _random.Next(flows));
            batch.Commit(frame.Length);
        }

        return true;
    }

    public int Write(PacketBatch batch) => batch.Count;

    public void Wake()
    {
    }
}
