using System.Diagnostics;
using System.Runtime.InteropServices;
using Firewall.Tests.Tidy;

namespace Firewall.Tests.Devices.Windows;

/// <summary>The stand-in for wintun.dll (native/wintun-standin), built once for the tests, with the side of it that plays the network.</summary>
internal sealed unsafe class Standin
{
    private static readonly Lazy<(Standin? Made, string Why)> Built = new(Build);

    private readonly delegate* unmanaged<char*, nint> _session;
    private readonly delegate* unmanaged<nint, byte*, uint, uint> _inject;
    private readonly delegate* unmanaged<nint, byte*, int> _take;
    private readonly delegate* unmanaged<nint, void> _loopBack;
    private readonly delegate* unmanaged<nint, void> _terminate;
    private readonly delegate* unmanaged<nint, void> _corrupt;
    private readonly delegate* unmanaged<ulong, byte*, int> _changes;

    private Standin(string path)
    {
        Path = path;
        nint handle = NativeLibrary.Load(path);
        _session = (delegate* unmanaged<char*, nint>)NativeLibrary.GetExport(handle, "StandinSession");
        _inject = (delegate* unmanaged<nint, byte*, uint, uint>)NativeLibrary.GetExport(handle, "StandinInject");
        _take = (delegate* unmanaged<nint, byte*, int>)NativeLibrary.GetExport(handle, "StandinTake");
        _loopBack = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(handle, "StandinLoopBack");
        _terminate = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(handle, "StandinTerminate");
        _corrupt = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(handle, "StandinCorrupt");
        _changes = NativeLibrary.TryGetExport(handle, "StandinChanges", out nint changes) ? (delegate* unmanaged<ulong, byte*, int>)changes : null;
    }

    /// <summary>Its file.</summary>
    public string Path { get; }

    /// <summary>The stand-in; skips the running test, with the reason, where it cannot be built.</summary>
    public static Standin Require()
    {
        (Standin? made, string why) = Built.Value;
        Xunit.Assert.SkipWhen(made is null, why);
        return made!;
    }

    /// <summary>The session on the adapter of that name; 0 if there is none.</summary>
    public nint Session(string name)
    {
        fixed (char* text = name) return _session(text);
    }

    /// <summary>A packet comes from the network. False if the ring is full.</summary>
    public bool Inject(nint session, ReadOnlySpan<byte> packet)
    {
        fixed (byte* start = packet) return _inject(session, start, (uint)packet.Length) == 0;
    }

    /// <summary>The next packet that was sent to the network, or null.</summary>
    public byte[]? Take(nint session)
    {
        byte* buffer = stackalloc byte[65_535];
        int size = _take(session, buffer);
        return size < 0 ? null : new ReadOnlySpan<byte>(buffer, size).ToArray();
    }

    /// <summary>What is sent comes back.</summary>
    public void LoopBack(nint session) => _loopBack(session);

    /// <summary>Somebody removes the adapter.</summary>
    public void Terminate(nint session) => _terminate(session);

    /// <summary>Damages the next packet in the ring.</summary>
    public void Corrupt(nint session) => _corrupt(session);

    /// <summary>What was done to an interface since the last call, line by line. Off Windows only.</summary>
    public string[] Changes(ulong luid)
    {
        byte* buffer = stackalloc byte[1024];
        int length = _changes(luid, buffer);
        return System.Text.Encoding.ASCII.GetString(buffer, length).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static (Standin? Made, string Why) Build()
    {
        // Under Windows (or Wine) whoever starts the tests puts the library beside them.
        string beside = System.IO.Path.Combine(AppContext.BaseDirectory, "wintun.dll");
        if (File.Exists(beside)) return (new Standin(beside), "");
        if (OperatingSystem.IsWindows()) return (null, $"{beside} is missing");

        string folder = System.IO.Path.Combine(AppContext.BaseDirectory, "wintun-standin");
        try
        {
            string library = System.IO.Path.Combine(folder, "libwintun-standin.so");
            var start = new ProcessStartInfo("make", ["-s", "-C", System.IO.Path.Combine(SourceTree.Root, "native", "wintun-standin"), $"OUT={folder}", library])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process make = Process.Start(start)!;
            Task<string> output = make.StandardOutput.ReadToEndAsync();
            string errors = make.StandardError.ReadToEnd() + output.Result;
            make.WaitForExit();
            return make.ExitCode == 0 ? (new Standin(library), "") : throw new InvalidOperationException($"the stand-in does not compile:\n{errors}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (null, $"make and cc are needed to build native/wintun-standin: {e.Message}");
        }
    }
}
