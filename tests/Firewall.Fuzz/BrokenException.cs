namespace Firewall.Fuzz;

/// <summary>A promise that does not hold.</summary>
internal sealed class BrokenException(string what) : Exception(what)
{
    /// <summary>Fails unless it is so.</summary>
    public static void Unless(bool isSo, string promise)
    {
        if (!isSo) throw new BrokenException(promise);
    }
}
