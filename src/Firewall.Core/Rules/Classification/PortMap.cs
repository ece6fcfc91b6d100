using System.Runtime.CompilerServices;

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

    /// <param name="map">Ranges of ports with classes.</param>
    /// <param name="portless">The class of packets that have no ports.</param>
    /// <param name="valueOf">The value of a class.</param>
    public PortMap(RangeMap<ushort> map, int portless, Func<int, int> valueOf)
    {
        Portless = valueOf(portless);
        List<int[]> pages = [];
        int range = 0;
        for (int page = 0; page < Pages; page++)
        {
            int[] values = new int[PortsPerPage];
            for (int i = 0; i < PortsPerPage; i++)
            {
                if (map.Lasts[range] < (page * PortsPerPage) + i) range++;
                values[i] = valueOf(map.Values[range]);
            }

            int known = pages.FindIndex(other => other.AsSpan().SequenceEqual(values));
            _pages[page] = (known < 0 ? pages.Count : known) * PortsPerPage;
            if (known < 0) pages.Add(values);
        }

        _values = [.. pages.SelectMany(values => values)];
    }

    /// <summary>The value of packets that have no ports.</summary>
    public int Portless { get; }

    /// <summary>The value of a port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ushort port) => _values[_pages[port / PortsPerPage] + (port % PortsPerPage)];
}
