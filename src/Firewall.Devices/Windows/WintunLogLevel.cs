namespace Firewall.Devices.Windows;

/// <summary>How grave a message of Wintun is (WINTUN_LOGGER_LEVEL).</summary>
public enum WintunLogLevel
{
    /// <summary>For information.</summary>
    Information = 0,

    /// <summary>Something is not as it should be, but works.</summary>
    Warning = 1,

    /// <summary>Something failed; the function that was called says so too.</summary>
    Error = 2,
}
