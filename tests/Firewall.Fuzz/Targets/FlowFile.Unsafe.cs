using Firewall.Core.Flows;

namespace Firewall.Fuzz.Targets;

/// <summary>
/// The mapped flow table of another process, which is the input from its second byte on. The first says whether the header is made good
/// again, with the right checksum, so that the rest is reached. What must hold: no exception, no access
/// outside of the region (it ends where the process's memory may end), no more flows than records, and a table that works afterwards and
/// is empty when all time is over.
/// </summary>
internal static class FlowFile
{
    private const int MostFlows = 20;
    private static readonly Guid Boot = new("11112222-3333-4444-5555-666677778888");
    private static readonly FlowLimits Limits = new() { MaxFlows = MostFlows, HalfOpenPercent = 100, MaxFlowsPerSource = 0 };

    public static unsafe void Run(byte[] input)
    {
        if (input.Length == 0) return;
        using FlowRegion region = FlowRegion.Create(FlowTable.LengthFor(Limits, 1));
        var bytes = new Span<byte>((void*)region.Address, checked((int)region.Length));

        input.AsSpan(1, Math.Min(input.Length - 1, bytes.Length)).CopyTo(bytes);
        FlowHeader.HashKey key = FlowHeader.Of(region).Key;
        if ((input[0] & 1) == 0) FlowHeader.Of(region).Write(FlowLayout.For(MostFlows, 1), Boot, key);

        using var next = new FlowTable(Limits);
        FlowAdoption adoption = next.Adopt(region, Boot, 5_000);
        BrokenException.Unless(next.Count == adoption.Adopted, "what was adopted is there");
        BrokenException.Unless(next.Count is >= 0 and <= MostFlows, "the table is within its maximum");
        BrokenException.Unless(adoption.Refusal is null || next.Count == 0, "a refused file gives no flow");
        for (long now = 5_000; now < uint.MaxValue; now += int.MaxValue / 8) next.Advance(now, 100_000);
        next.Advance(10_000_000_000, 100_000);
        BrokenException.Unless(next.Count == 0, "every flow ends");
    }
}
