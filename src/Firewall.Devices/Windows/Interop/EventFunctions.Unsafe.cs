using System.Runtime.InteropServices;

namespace Firewall.Devices.Windows.Interop;

/// <summary>
/// The functions of kernel32 around events that the device waits with. They are looked up at run time, because off Windows the tests bring a
/// library of their own that has them.
/// </summary>
internal sealed unsafe class EventFunctions
{
    private const uint Forever = 0xffff_ffff;
    private const uint TimedOut = 258;
    private const uint Failed = 0xffff_ffff;

    private readonly delegate* unmanaged<nint, int, int, nint, nint> _createEvent;
    private readonly delegate* unmanaged<nint, int> _setEvent;
    private readonly delegate* unmanaged<nint, int> _closeHandle;
    private readonly delegate* unmanaged<uint, nint*, int, uint, uint> _waitForMultipleObjects;

    private EventFunctions(nint library)
    {
        _createEvent = (delegate* unmanaged<nint, int, int, nint, nint>)NativeLibrary.GetExport(library, "CreateEventW");
        _setEvent = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "SetEvent");
        _closeHandle = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "CloseHandle");
        _waitForMultipleObjects = (delegate* unmanaged<uint, nint*, int, uint, uint>)NativeLibrary.GetExport(library, "WaitForMultipleObjects");
    }

    /// <summary>Finds the functions.</summary>
    /// <param name="path">Where they are off Windows.</param>
    public static EventFunctions Load(string path) => new(NativeLibrary.Load(OperatingSystem.IsWindows() ? "kernel32.dll" : path));

    /// <summary>Makes an event that is reset by the one waiter that it lets go on.</summary>
    /// <exception cref="WintunException">There are no more handles.</exception>
    public nint Create()
    {
        nint made = _createEvent(0, 0, 0, 0);
        return made != 0 ? made : throw new WintunException($"an event cannot be made: {Win32ErrorText.Of(WintunLibrary.LastError)}");
    }

    /// <summary>Sets an event.</summary>
    public void Set(nint handle) => _ = _setEvent(handle);

    /// <summary>Closes an event that <see cref="Create"/> made.</summary>
    public void Close(nint handle) => _ = _closeHandle(handle);

    /// <summary>Waits for the first of two events.</summary>
    /// <param name="first">Index 0.</param>
    /// <param name="second">Index 1.</param>
    /// <param name="timeoutMilliseconds">How long; -1 for ever.</param>
    /// <returns>The index of the event that was set, and is reset now; -1 if the time was over.</returns>
    /// <exception cref="IOException">One of the handles is none.</exception>
    public int Wait(nint first, nint second, int timeoutMilliseconds)
    {
        nint* both = stackalloc nint[] { first, second };
        uint result = _waitForMultipleObjects(2, both, 0, timeoutMilliseconds < 0 ? Forever : (uint)timeoutMilliseconds);
        if (result == Failed) throw new IOException($"waiting for packets failed: {Win32ErrorText.Of(WintunLibrary.LastError)}");
        return result == TimedOut ? -1 : (int)result;
    }
}
