namespace Firewall.Devices.Linux.Probing;

/// <summary>One thing to send and to receive again, and what it consists of.</summary>
/// <param name="Length">Bytes; of TCP of a stream, of UDP of one or more datagrams.</param>
/// <param name="SegmentSize">UDP: payload of each datagram but the last, which may have less. 0: one datagram.</param>
internal readonly record struct ProbeMessage(int Length, int SegmentSize)
{
    /// <summary>The longest message, in bytes.</summary>
    public const int MaxLength = 60_000;

    // What a fault depends on is the tail behind the last whole segment, not how many there are.
    private const int Whole = 2;

    /// <summary>What every kernel must carry, offloads or not.</summary>
    public static IReadOnlyList<ProbeMessage> Plain(ProbePath path) => path.IsTcp ? [new(3000, 0)] : [new(100, 0), new(1201, 0)];

    /// <summary>
    /// Datagrams in super-packets: tails from one byte to a whole segment. Linux 6.6.44 refused some that lack no more than the headers'
    /// length, and segments that are no longer than the headers.
    /// </summary>
    public static IReadOnlyList<ProbeMessage> Datagrams { get; } =
    [
        .. Tails(1200).Concat(Tails(100)).Select(size => new ProbeMessage((Whole * size.Segment) + size.Tail, size.Segment)),
        new(40 * 18, 18), new((40 * 18) + 5, 18), new(40 * 1400, 1400), new((40 * 1400) + 700, 1400),
    ];

    /// <summary>Datagrams of which we make super-packets.</summary>
    public static IReadOnlyList<ProbeMessage> SingleDatagrams { get; } =
        [new(20 * 18, 18), new((20 * 18) + 5, 18), new(2401, 1200), new(2400 + 1180, 1200), new(10 * 1400, 1400), new((10 * 1400) + 700, 1400)];

    /// <summary>Lengths of one write to a TCP socket.</summary>
    /// <param name="segmentSize">The size of the stream's segments, once it is known; 0 before.</param>
    public static IEnumerable<ProbeMessage> Stream(Func<int> segmentSize)
    {
        yield return new(20_000, 0);
        int size = segmentSize();
        foreach ((int segment, int tail) in size > 100 ? Tails(size) : []) yield return new((Whole * segment) + tail, 0);
        for (int i = 0; i < 2; i++) yield return new(MaxLength - i, 0);
    }

    /// <summary>Lengths of one write to a TCP socket, of whose packets we make super-packets.</summary>
    public static IReadOnlyList<ProbeMessage> SingleSegments { get; } = [new(20_000, 0), new((2 * 1428) + 1, 0), new(2 * 1448, 0), new(30_000, 0)];

    private static IEnumerable<(int Segment, int Tail)> Tails(int segment) =>
        ((int[])[1, 19, segment / 2, segment - 53, segment - 30, segment - 20, segment - 1, segment]).Select(tail => (segment, tail));
}
