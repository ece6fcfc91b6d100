namespace Firewall.Devices.Linux.Probing;

/// <summary>How an exchange ended.</summary>
internal enum ProbeVerdict
{
    /// <summary>Everything came back as it was sent.</summary>
    Right,

    /// <summary>The kernel refused something or changed something.</summary>
    Wrong,

    /// <summary>Something did not come back.</summary>
    Silent,

    /// <summary>It could not begin.</summary>
    NotBegun,

    /// <summary>The time for the whole probe is over.</summary>
    OutOfTime,
}

/// <summary>How an exchange ended, and what there is to say of it.</summary>
internal readonly record struct ProbeOutcome(ProbeVerdict Verdict, string What)
{
    /// <summary>Everything came back as it was sent.</summary>
    public static ProbeOutcome Right => new(ProbeVerdict.Right, "");

    /// <summary>The kernel refused something or changed something.</summary>
    public static ProbeOutcome Wrong(string what) => new(ProbeVerdict.Wrong, what);
}

/// <summary>How the probe writes back what it reads.</summary>
internal enum ProbeWay
{
    /// <summary>As it came.</summary>
    AsRead,

    /// <summary>TCP super-packets with ECN bits.</summary>
    Marked,

    /// <summary>Single packets as super-packets, made as those of the dataplane are.</summary>
    Coalesced,
}
