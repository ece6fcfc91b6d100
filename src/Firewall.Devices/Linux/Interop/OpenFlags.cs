namespace Firewall.Devices.Linux.Interop;

/// <summary>Flags of open(2), eventfd(2) and socket(2); the same numbers on x64 and arm64.</summary>
internal static class OpenFlags
{
    public const int ReadOnly = 0x0;
    public const int WriteOnly = 0x1;
    public const int ReadWrite = 0x2;
    public const int NoControllingTerminal = 0x100;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x8_0000;
}
