using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>
/// A signal that ends the system call in which one thread sleeps, and does nothing else: its handler is a function of the C library
/// without effect, so that no code of ours runs where a signal came. Sent by other threads and by timers.
/// </summary>
internal static unsafe partial class ThreadSignal
{
    // One of the real-time signals, of which the C library takes the first two (32 and 33) and .NET's runtime the next.
    private const int Number = 41;
    private const int MonotonicClock = 1;
    private const int NotifyThread = 4; // SIGEV_THREAD_ID
    private const string Library = "libc";

    private static readonly Lazy<bool> s_isInstalled = new(Install);

    [ThreadStatic]
    private static int t_current;

    /// <summary>False where the process cannot have it; then no thread may be sent it. Installs the handler when it is first asked.</summary>
    public static bool IsUsable => s_isInstalled.Value;

    /// <summary>The calling thread, as the kernel numbers it. (.NET gives the number of a thread that has ended to the next one.)</summary>
    public static int CurrentThread => t_current != 0 ? t_current : t_current = (int)Call(Numbers.GetThread, 0, 0, 0, 0);

    /// <summary>Ends the system call of a thread of this process, if it sleeps in one. False if that cannot be: it is gone, or a filter forbids it.</summary>
    public static bool Send(int thread) => Call(Numbers.SignalThread, Environment.ProcessId, thread, Number, 0) == 0;

    /// <summary>Makes a timer that sends the signal to a thread; -1 if there can be none.</summary>
    public static int CreateTimer(int thread)
    {
        var notification = new Notification { Signal = Number, Notify = NotifyThread, Thread = thread };
        int timer = -1;
        return Call(Numbers.CreateTimer, MonotonicClock, (nint)(&notification), (nint)(&timer), 0) == 0 ? timer : -1;
    }

    /// <summary>Sets a timer off again and again; 0 stops it.</summary>
    public static void SetTimer(int timer, int milliseconds)
    {
        long seconds = milliseconds / 1000;
        long nanoseconds = milliseconds % 1000 * 1_000_000L;
        var interval = new Interval { Seconds = seconds, Nanoseconds = nanoseconds, FirstSeconds = seconds, FirstNanoseconds = nanoseconds };
        Call(Numbers.SetTimer, timer, 0, (nint)(&interval), 0);
    }

    public static void DeleteTimer(int timer) => Call(Numbers.DeleteTimer, timer, 0, 0, 0);

    private static bool Install()
    {
        if (!NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "getpid", out nint harmless)) return false;
        var action = new Action { Handler = harmless };
        return SetAction(Number, in action, 0) == 0 && Send(CurrentThread);
    }

    [LibraryImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    private static partial int SetAction(int signal, ref readonly Action action, nint before);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint first, nint second, nint third, nint fourth);

    // Not all of these calls have a function in every C library that we run with.
    private static class Numbers
    {
        private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

        public static nint GetThread => s_isArm ? 178 : 186;

        public static nint SignalThread => s_isArm ? 131 : 234;

        public static nint CreateTimer => s_isArm ? 107 : 222;

        public static nint SetTimer => s_isArm ? 110 : 223;

        public static nint DeleteTimer => s_isArm ? 111 : 226;
    }

    /// <summary>struct sigaction of glibc and musl. Without SA_RESTART the interrupted call returns.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Action
    {
        public nint Handler;
        public fixed byte Mask[128];
        public int Flags;
        public nint Restorer;
    }

    /// <summary>struct sigevent.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Notification
    {
        public nint Value;
        public int Signal;
        public int Notify;
        public int Thread;
    }

    /// <summary>struct itimerspec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Interval
    {
        public long Seconds;
        public long Nanoseconds;
        public long FirstSeconds;
        public long FirstNanoseconds;
    }
}
