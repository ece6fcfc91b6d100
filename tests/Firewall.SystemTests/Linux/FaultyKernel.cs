using System.Buffers.Binary;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Probing;

namespace Firewall.SystemTests.Linux;

/// <summary>This machine's kernel, with faults on the way from and to its TUN. It remembers which super-packets went by.</summary>
internal sealed class FaultyKernel(IProbeKernel kernel) : IProbeKernel
{
    /// <summary>Called with each frame that was read; it may change it.</summary>
    public Action<Memory<byte>>? AfterRead { get; init; }

    /// <summary>Called with each frame that is to be written; it may change it, or refuse it.</summary>
    public Func<Memory<byte>, Errno>? BeforeWrite { get; init; }

    /// <summary>Which super-packets were read and written: direction, kind, whether the tail is short.</summary>
    public HashSet<string> Seen { get; } = [];

    public bool TrySetOffloads(TunOffloads offloads) => kernel.TrySetOffloads(offloads);

    public int Read(Span<byte> frame)
    {
        int length = kernel.Read(frame);
        if (length == 0) return 0;
        Note("read", frame[..length]);
        if (AfterRead is null) return length;
        byte[] copy = frame[..length].ToArray();
        AfterRead(copy);
        copy.CopyTo(frame);
        return length;
    }

    public Errno Write(ReadOnlySpan<byte> frame)
    {
        Note("wrote", frame);
        byte[] copy = frame.ToArray();
        return BeforeWrite?.Invoke(copy) is { } refusal and not Errno.None ? refusal : kernel.Write(copy);
    }

    public IProbeConversation Converse(ProbePath path) => kernel.Converse(path);

    /// <summary>Payload bytes behind the last whole segment of a super-packet; its segment size if there are none.</summary>
    public static int Tail(ReadOnlySpan<byte> frame)
    {
        int size = BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]);
        int transport = 10 + (IsIPv4(frame) ? 20 : 40);
        int payload = frame.Length - transport - (frame[1] == 5 ? 8 : (frame[transport + 12] >> 4) * 4);
        return payload % size == 0 ? size : payload % size;
    }

    /// <summary>True for IPv4.</summary>
    public static bool IsIPv4(ReadOnlySpan<byte> frame) => frame[10] >> 4 == 4;

    private void Note(string direction, ReadOnlySpan<byte> frame)
    {
        if (frame[1] == 0) return;
        string kind = frame[1] == 5 ? $"5 {(IsIPv4(frame) ? "v4" : "v6")}" : $"{frame[1]}";
        int size = BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]);
        Seen.Add($"{direction} {kind} {(Tail(frame) == size ? "equal" : "short")} {size}");
    }
}
