namespace Firewall.Core.Flows.Fragments;

/// <summary>
/// Fragments that were held and now have a fate other than <see cref="FragmentFate.Held"/>, in the order they came. The list is its
/// engine's own until it hands it back to the table with the next call.
/// </summary>
internal struct SettledFragments
{
    /// <summary>The first one's number, 0 if there is none.</summary>
    public int First;

    /// <summary>The last one's number.</summary>
    public int Last;
}
