namespace Firewall.Control;

/// <summary>What came of a reload.</summary>
internal enum ReloadResult
{
    /// <summary>Nothing had changed.</summary>
    Unchanged,

    /// <summary>New rules or settings are in force.</summary>
    Changed,

    /// <summary>A file was refused; what was in force before stays.</summary>
    Refused,
}
