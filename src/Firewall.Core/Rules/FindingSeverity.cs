namespace Firewall.Core.Rules;

/// <summary>How bad a finding is.</summary>
public enum FindingSeverity : byte
{
    /// <summary>The rules can be used, but probably do not say what was meant.</summary>
    Warning,

    /// <summary>The rules cannot be used.</summary>
    Error,
}
