using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// A value for each of the 65,536 ports in two reads: where its page of 256 ports begins, and the port in the page. Pages with the same
/// values are one, so that few rules take few pages. Immutable; never allocates.
/// </summary>
internal sealed class PortMap
{
    private const int PortsPerPage = 256;
    private const int Pages = (ushort.MaxValue + 1) / PortsPerPage;

    private readonly int[] _pages = new int[Pages];
    private readonly int[] _values;

    /// <summary>Takes what the map says and gives its memory back.</summary>
    /// <param name="map">Ranges of ports with classes.</param>
    /// <param name="portless">The class of packets that have no ports.</param>
    /// <param name="valueOf">The value of a class.</param>
    public PortMap(RangeMap<ushort> map, int portless, Func<int, int> valueOf)
    {
        Portless = valueOf(portless);
        List<int> values = [];
        Span<int> filled = stackalloc int[PortsPerPage];
        int range = 0;
        for (int page = 0; page < Pages; page++)
        {
            for (int i = 0; i < PortsPerPage; i++)
            {
                if (map.Lasts[range] < (page * PortsPerPage) + i) range++;
                filled[i] = valueOf(map.Values[range]);
            }

            int start = 0;
            while (start < values.Count && !CollectionsMarshal.AsSpan(values).Slice(start, PortsPerPage).SequenceEqual(filled)) start += PortsPerPage;
            if (start == values.Count) values.AddRange(filled);
            _pages[page] = start;
        }

        _values = [.. values];
        map.Release();
    }

    /// <summary>The value of packets that have no ports.</summary>
    public int Portless { get; }

    /// <summary>The value of a port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ushort port) => _values[_pages[port / PortsPerPage] + (port % PortsPerPage)];
}
