using Firewall.Core.Flows;

namespace Firewall.Tests.Flows;

/// <summary>A region as plain bytes, to be damaged.</summary>
internal static class RegionBytes
{
    public static unsafe Span<byte> Of(FlowRegion region) => new((void*)region.Address, checked((int)region.Length));
}
