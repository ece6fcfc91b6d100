namespace Firewall.Admin;

/// <summary>What somebody may do over the admin API. Each includes the ones before it.</summary>
internal enum AdminRole
{
    /// <summary>Nothing: who asks is not known, or may not.</summary>
    None,

    /// <summary>Look at everything, change nothing.</summary>
    Reader,

    /// <summary>Everything.</summary>
    Operator,
}

/// <summary>Who asks, as far as the way in knows it; a feature of the connection or of the request.</summary>
/// <param name="Role">What he may do.</param>
internal sealed record AdminPass(AdminRole Role)
{
    /// <summary>By TCP: the token's name, and the address that the request came from. Null elsewhere, where the kernel says more.</summary>
    public (string Name, string Address)? Token { get; init; }
}
