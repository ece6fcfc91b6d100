using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;

namespace Firewall.Devices.Windows.Interop;

/// <summary>
/// wintun.dll, loaded: the fourteen functions of wintun.h (version 0.14) under their own names, without "Wintun" in front. Where one fails,
/// <see cref="LastError"/>, called at once, says why.
/// </summary>
/// <remarks>
/// The library stays loaded for the life of the process. Function pointers instead of imports: the library is found beside the executable or
/// where it is told to be, never by a search path that somebody else can write to.
/// </remarks>
internal sealed unsafe class WintunLibrary
{
    /// <summary>The library's file name.</summary>
    public const string FileName = "wintun.dll";

    /// <summary>Where to get the library.</summary>
    public const string DownloadPage = "https://www.wintun.net";

    private static volatile Action<WintunLogLevel, string>? _log;

    private readonly delegate* unmanaged<char*, char*, Guid*, nint> _createAdapter;
    private readonly delegate* unmanaged<char*, nint> _openAdapter;
    private readonly delegate* unmanaged<nint, void> _closeAdapter;
    private readonly delegate* unmanaged<int> _deleteDriver;
    private readonly delegate* unmanaged<nint, ulong*, void> _getAdapterLuid;
    private readonly delegate* unmanaged<uint> _getRunningDriverVersion;
    private readonly delegate* unmanaged<delegate* unmanaged<int, ulong, char*, void>, void> _setLogger;
    private readonly delegate* unmanaged<nint, uint, nint> _startSession;
    private readonly delegate* unmanaged<nint, void> _endSession;
    private readonly delegate* unmanaged<nint, nint> _getReadWaitEvent;
    private readonly delegate* unmanaged<nint, uint*, byte*> _receivePacket;
    private readonly delegate* unmanaged<nint, byte*, void> _releaseReceivePacket;
    private readonly delegate* unmanaged<nint, uint, byte*> _allocateSendPacket;
    private readonly delegate* unmanaged<nint, byte*, void> _sendPacket;

    private WintunLibrary(nint handle, string path)
    {
        Path = path;
        _createAdapter = (delegate* unmanaged<char*, char*, Guid*, nint>)Export("WintunCreateAdapter");
        _openAdapter = (delegate* unmanaged<char*, nint>)Export("WintunOpenAdapter");
        _closeAdapter = (delegate* unmanaged<nint, void>)Export("WintunCloseAdapter");
        _deleteDriver = (delegate* unmanaged<int>)Export("WintunDeleteDriver");
        _getAdapterLuid = (delegate* unmanaged<nint, ulong*, void>)Export("WintunGetAdapterLUID");
        _getRunningDriverVersion = (delegate* unmanaged<uint>)Export("WintunGetRunningDriverVersion");
        _setLogger = (delegate* unmanaged<delegate* unmanaged<int, ulong, char*, void>, void>)Export("WintunSetLogger");
        _startSession = (delegate* unmanaged<nint, uint, nint>)Export("WintunStartSession");
        _endSession = (delegate* unmanaged<nint, void>)Export("WintunEndSession");
        _getReadWaitEvent = (delegate* unmanaged<nint, nint>)Export("WintunGetReadWaitEvent");
        _receivePacket = (delegate* unmanaged<nint, uint*, byte*>)Export("WintunReceivePacket");
        _releaseReceivePacket = (delegate* unmanaged<nint, byte*, void>)Export("WintunReleaseReceivePacket");
        _allocateSendPacket = (delegate* unmanaged<nint, uint, byte*>)Export("WintunAllocateSendPacket");
        _sendPacket = (delegate* unmanaged<nint, byte*, void>)Export("WintunSendPacket");

        nint Export(string name) => NativeLibrary.TryGetExport(handle, name, out nint address)
            ? address
            : throw new WintunException($"{path} has no function {name}; version 0.14 or newer is needed, get it from {DownloadPage}");
    }

    /// <summary>Where it was loaded from.</summary>
    public string Path { get; }

    /// <summary>The error of the function that was just called on this thread and failed.</summary>
    public static Win32Error LastError => (Win32Error)Marshal.GetLastSystemError();

    /// <summary>Loads the library.</summary>
    /// <param name="path">Full path; null for <see cref="FileName"/> beside the executable.</param>
    /// <exception cref="WintunException">It is missing, made for another processor, or not Wintun.</exception>
    public static WintunLibrary Load(string? path)
    {
        path ??= System.IO.Path.Combine(AppContext.BaseDirectory, FileName);
        if (!File.Exists(path))
            throw new WintunException($"{path} is missing; get Wintun from {DownloadPage} and put the {FileName} for this processor ({Here}) there");
        if (BuiltFor(path) is { } other && other != Here)
            throw new WintunException($"{path} is made for {other}, this program runs as {Here}; take the one from the folder bin/{Here} of the archive at {DownloadPage}");
        try
        {
            return new WintunLibrary(NativeLibrary.Load(path), path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new WintunException($"{path} cannot be loaded: {e.Message.ReplaceLineEndings(" ").Trim()}; get it anew from {DownloadPage}", e);
        }
    }

    /// <summary>WintunCreateAdapter: 0 if it failed.</summary>
    public nint CreateAdapter(string name, string tunnelType, Guid id)
    {
        fixed (char* first = name, second = tunnelType) return _createAdapter(first, second, &id);
    }

    /// <summary>WintunOpenAdapter: 0 if there is none of that name.</summary>
    public nint OpenAdapter(string name)
    {
        fixed (char* first = name) return _openAdapter(first);
    }

    /// <summary>WintunCloseAdapter; removes one that was made with <see cref="CreateAdapter"/>.</summary>
    public void CloseAdapter(nint adapter) => _closeAdapter(adapter);

    /// <summary>WintunDeleteDriver: false while any adapter is in use.</summary>
    public bool DeleteDriver() => _deleteDriver() != 0;

    /// <summary>WintunGetAdapterLUID, by which the IP Helper functions know the adapter.</summary>
    public ulong GetAdapterLuid(nint adapter)
    {
        ulong luid = 0;
        _getAdapterLuid(adapter, &luid);
        return luid;
    }

    /// <summary>WintunGetRunningDriverVersion: null if the driver is not loaded.</summary>
    public Version? GetRunningDriverVersion()
    {
        uint version = _getRunningDriverVersion();
        return version == 0 ? null : new Version((int)(version >> 16), (int)(version & 0xffff));
    }

    /// <summary>WintunSetLogger: where Wintun's messages go, from any thread; null for nowhere. One for the whole process.</summary>
    public void SetLogger(Action<WintunLogLevel, string>? log)
    {
        _log = log;
        _setLogger(log is null ? null : &Log);
    }

    /// <summary>WintunStartSession: 0 if it failed.</summary>
    public nint StartSession(nint adapter, uint ringCapacity) => _startSession(adapter, ringCapacity);

    /// <summary>WintunEndSession. No other function of the session may run or follow.</summary>
    public void EndSession(nint session) => _endSession(session);

    /// <summary>WintunGetReadWaitEvent; it belongs to the session.</summary>
    public nint GetReadWaitEvent(nint session) => _getReadWaitEvent(session);

    /// <summary>WintunReceivePacket: a packet borrowed from the ring, or null.</summary>
    public byte* ReceivePacket(nint session, out uint size)
    {
        fixed (uint* length = &size) return _receivePacket(session, length);
    }

    /// <summary>WintunReleaseReceivePacket, in any order.</summary>
    public void ReleaseReceivePacket(nint session, byte* packet) => _releaseReceivePacket(session, packet);

    /// <summary>WintunAllocateSendPacket: room borrowed from the ring, or null. The order of these calls is the order of the packets.</summary>
    public byte* AllocateSendPacket(nint session, uint size) => _allocateSendPacket(session, size);

    /// <summary>WintunSendPacket, in any order.</summary>
    public void SendPacket(nint session, byte* packet) => _sendPacket(session, packet);

    // In the words of Wintun's archive, which has a folder for each.
    private static string Here => NameOf(RuntimeInformation.ProcessArchitecture);

    private static string NameOf(Architecture architecture) => architecture switch
    {
        Architecture.X64 => "amd64",
        Architecture.X86 => "x86",
        Architecture.Arm64 => "arm64",
        Architecture.Arm => "arm",
        _ => architecture.ToString(),
    };

    // Null if it is no Windows library at all: then loading says what it is.
    private static string? BuiltFor(string path)
    {
        try
        {
            using var reader = new PEReader(File.OpenRead(path));
            return reader.PEHeaders.CoffHeader.Machine switch
            {
                Machine.Amd64 => "amd64",
                Machine.I386 => "x86",
                Machine.Arm64 => "arm64",
                Machine.ArmThumb2 => "arm",
                _ => null,
            };
        }
        catch (BadImageFormatException)
        {
            return null;
        }
    }

    [UnmanagedCallersOnly]
    private static void Log(int level, ulong timestamp, char* message)
    {
#pragma warning disable CA1031 // An exception must not pass into the driver's library.
        try
        {
            _log?.Invoke((WintunLogLevel)level, new string(message));
        }
        catch (Exception)
        {
            // A message less.
        }
#pragma warning restore CA1031
    }
}
