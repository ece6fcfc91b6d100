using System.Buffers.Binary;
using Firewall.Devices.Windows;
using Firewall.Devices.Windows.Interop;
using Xunit;

namespace Firewall.Tests.Devices.Windows;

/// <summary>
/// The fourteen functions one by one, through the device's own imports: what wintun.h documents of them, in particular what the device does
/// not use (borrowing several packets, giving them back in any order, many threads).
/// </summary>
public sealed unsafe class WintunFunctionTests : IDisposable
{
    private const string Name = "functions";
    private readonly WintunLibrary _wintun = WintunLibrary.Load(Standin.Require().Path);
    private nint _adapter;
    private nint _session;

    public void Dispose()
    {
        if (_session != 0) _wintun.EndSession(_session);
        if (_adapter != 0) _wintun.CloseAdapter(_adapter);
    }

    [Fact]
    public void Adapters_are_created_opened_and_closed()
    {
        Assert.Equal(0, _wintun.OpenAdapter(Name));
        Assert.Equal(Win32Error.NotFound, WintunLibrary.LastError);
        var id = Guid.NewGuid();
        _adapter = _wintun.CreateAdapter(Name, "Test", id);
        Assert.NotEqual(0, _adapter);
        Assert.Equal(0, _wintun.CreateAdapter("another", "Test", id));
        Assert.Equal(Win32Error.AlreadyExists, WintunLibrary.LastError);
        nint opened = _wintun.OpenAdapter(Name.ToUpperInvariant());
        Assert.NotEqual(0, opened);
        Assert.Equal(_wintun.GetAdapterLuid(_adapter), _wintun.GetAdapterLuid(opened));
        _wintun.CloseAdapter(opened);
        Assert.NotNull(_wintun.GetRunningDriverVersion());
        Assert.False(_wintun.DeleteDriver());
        Assert.Equal(Win32Error.InfInUseByDevices, WintunLibrary.LastError);
    }

    [Fact]
    public void The_driver_comes_with_the_first_adapter_and_can_be_deleted_after_the_last()
    {
        // A library of its own: the other tests' adapters are not in it. It stays beside the first, since what is loaded cannot be deleted.
        string library = Standin.Require().Path;
        string copy = Path.Combine(Path.GetDirectoryName(library)!, "wintun-alone" + Path.GetExtension(library));
        File.Copy(library, copy, overwrite: true);
        var wintun = WintunLibrary.Load(copy);
        Assert.Null(wintun.GetRunningDriverVersion());
        Assert.Equal(Win32Error.FileNotFound, WintunLibrary.LastError);
        nint adapter = wintun.CreateAdapter(Name, "Test", Guid.NewGuid());
        Assert.Equal(new Version(0, 14), wintun.GetRunningDriverVersion());
        Assert.False(wintun.DeleteDriver());
        wintun.CloseAdapter(adapter);
        Assert.NotNull(wintun.GetRunningDriverVersion());
        Assert.True(wintun.DeleteDriver());
        Assert.Null(wintun.GetRunningDriverVersion());
    }

    [Fact]
    public void A_name_has_127_letters_at_most()
    {
        string longest = new('n', 127);
        _adapter = _wintun.CreateAdapter(longest, longest, Guid.NewGuid());
        nint opened = _wintun.OpenAdapter(longest);
        Assert.NotEqual(0, opened);
        _wintun.CloseAdapter(opened);
        Assert.Equal(0, _wintun.CreateAdapter(longest + "n", "Test", Guid.NewGuid()));
        Assert.Equal(Win32Error.InvalidParameter, WintunLibrary.LastError);
        Assert.Equal(0, _wintun.CreateAdapter(Name, longest + "n", Guid.NewGuid()));
        Assert.Equal(Win32Error.InvalidParameter, WintunLibrary.LastError);
        Assert.Equal(0, _wintun.OpenAdapter(longest + "n"));
        Assert.Equal(Win32Error.InvalidParameter, WintunLibrary.LastError);
    }

    [Fact]
    public void An_adapter_goes_with_the_handle_that_made_it_whoever_else_has_it_open()
    {
        Start();
        nint opened = _wintun.OpenAdapter(Name);
        _wintun.CloseAdapter(_adapter);
        _adapter = opened;
        Assert.True(_wintun.ReceivePacket(_session, out _) is null);
        Assert.Equal(Win32Error.HandleEof, WintunLibrary.LastError);
        Assert.Equal(0, _wintun.OpenAdapter(Name));
    }

    [Fact]
    public void A_name_that_is_taken_goes_to_the_new_adapter_which_is_why_the_device_asks_before()
    {
        _adapter = _wintun.CreateAdapter(Name, "Test", Guid.NewGuid());
        nint second = _wintun.CreateAdapter(Name, "Test", Guid.NewGuid());
        nint renamed = _wintun.OpenAdapter(Name + " 1");
        Assert.Equal(_wintun.GetAdapterLuid(_adapter), _wintun.GetAdapterLuid(renamed));
        _wintun.CloseAdapter(renamed);
        _wintun.CloseAdapter(second);
    }

    [Theory]
    [InlineData(WintunOptions.MinRingCapacity - 1)]
    [InlineData(WintunOptions.MinRingCapacity + 4)]
    [InlineData(2u * WintunOptions.MaxRingCapacity)]
    public void A_session_wants_a_ring_whose_size_is_a_power_of_two_within_limits(uint capacity)
    {
        _adapter = _wintun.CreateAdapter(Name, "Test", Guid.NewGuid());
        Assert.Equal(0, _wintun.StartSession(_adapter, capacity));
        Assert.Equal(Win32Error.InvalidParameter, WintunLibrary.LastError);
    }

    [Fact]
    public void An_adapter_has_one_session_at_a_time()
    {
        Start();
        Assert.Equal(0, _wintun.StartSession(_adapter, WintunOptions.MinRingCapacity));
        Assert.Equal(Win32Error.AlreadyInitialized, WintunLibrary.LastError);
        _wintun.EndSession(_session);
        _session = _wintun.StartSession(_adapter, WintunOptions.MaxRingCapacity);
        Assert.NotEqual(0, _session);
        Assert.NotEqual(0, _wintun.GetReadWaitEvent(_session));
    }

    [Fact]
    public void Received_packets_may_be_released_in_any_order_and_their_room_comes_back_in_the_order_of_the_ring()
    {
        Standin standin = Start();
        byte[] half = new byte[60_000];
        half[0] = 1;
        Assert.True(standin.Inject(_session, half));
        half[0] = 2;
        Assert.True(standin.Inject(_session, half));
        byte* first = _wintun.ReceivePacket(_session, out uint size);
        Assert.Equal(60_000u, size);
        byte* second = _wintun.ReceivePacket(_session, out size);
        Assert.True(_wintun.ReceivePacket(_session, out size) is null);
        Assert.Equal(Win32Error.NoMoreItems, WintunLibrary.LastError);
        _wintun.ReleaseReceivePacket(_session, second);
        Assert.False(standin.Inject(_session, half));
        Assert.Equal(1, *first);
        _wintun.ReleaseReceivePacket(_session, first);
        Assert.True(standin.Inject(_session, half));
        Assert.True(standin.Inject(_session, half));
    }

    [Fact]
    public void Packets_go_out_in_the_order_of_allocation_however_they_are_sent()
    {
        Standin standin = Start();
        byte* first = _wintun.AllocateSendPacket(_session, 1);
        byte* second = _wintun.AllocateSendPacket(_session, 1);
        (*first, *second) = (1, 2);
        _wintun.SendPacket(_session, second);
        Assert.Null(standin.Take(_session));
        _wintun.SendPacket(_session, first);
        Assert.Equal([1], standin.Take(_session));
        Assert.Equal([2], standin.Take(_session));
    }

    [Fact]
    public void A_full_ring_and_a_terminating_adapter_have_their_errors()
    {
        Standin standin = Start();
        Assert.True(_wintun.AllocateSendPacket(_session, 65_535) is not null);
        Assert.True(_wintun.AllocateSendPacket(_session, 65_535) is null);
        Assert.Equal(Win32Error.BufferOverflow, WintunLibrary.LastError);
        standin.Terminate(_session);
        Assert.True(_wintun.AllocateSendPacket(_session, 1) is null);
        Assert.Equal(Win32Error.HandleEof, WintunLibrary.LastError);
        Assert.True(_wintun.ReceivePacket(_session, out _) is null);
        Assert.Equal(Win32Error.HandleEof, WintunLibrary.LastError);
    }

    [Fact]
    public void Closing_the_adapter_ends_what_its_session_gives()
    {
        Start();
        _wintun.CloseAdapter(_adapter);
        _adapter = 0;
        Assert.True(_wintun.ReceivePacket(_session, out _) is null);
        Assert.Equal(Win32Error.HandleEof, WintunLibrary.LastError);
    }

    [Fact]
    public void Many_threads_receive_and_send_at_once_and_each_packet_passes_exactly_once()
    {
        const int Threads = 8;
        const int Packets = 50_000;
        Standin standin = Start();
        long received = 0;
        int[] seen = new int[Packets];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(Pass))];
        foreach (Thread thread in threads) thread.Start();
        Span<byte> packet = stackalloc byte[64];
        int injected = 0;
        var deadline = DateTime.UtcNow.AddMinutes(1);
        while (Volatile.Read(ref received) < Packets && DateTime.UtcNow < deadline)
        {
            BinaryPrimitives.WriteInt32LittleEndian(packet, injected);
            if (injected < Packets && standin.Inject(_session, packet)) injected++;
            while (standin.Take(_session) is { } passed)
            {
                seen[BinaryPrimitives.ReadInt32LittleEndian(passed)]++;
                received++;
            }
        }

        standin.Terminate(_session);
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal(Packets, received);
        Assert.All(seen, times => Assert.Equal(1, times));

        void Pass()
        {
            // Every thread holds two packets at a time, and gives the later one back first.
            bool ended = false;
            while (!ended)
            {
                byte* one = _wintun.ReceivePacket(_session, out uint oneSize);
                if (one is null)
                {
                    ended = WintunLibrary.LastError == Win32Error.HandleEof;
                    // Not the event: it lets one of them go on.
                    Thread.Sleep(1);
                    continue;
                }

                byte* two = _wintun.ReceivePacket(_session, out uint twoSize);
                if (two is not null) Send(two, twoSize);
                Send(one, oneSize);
            }
        }

        void Send(byte* packet, uint size)
        {
            // A thread that rests between allocating and sending holds all behind it, until the ring is full; it never waits there itself.
            byte* room;
            while ((room = _wintun.AllocateSendPacket(_session, size)) is null && WintunLibrary.LastError == Win32Error.BufferOverflow) Thread.Yield();
            if (room is not null)
            {
                new ReadOnlySpan<byte>(packet, (int)size).CopyTo(new Span<byte>(room, (int)size));
                _wintun.SendPacket(_session, room);
            }

            _wintun.ReleaseReceivePacket(_session, packet);
        }
    }

    private Standin Start()
    {
        _adapter = _wintun.CreateAdapter(Name, "Test", Guid.NewGuid());
        _session = _wintun.StartSession(_adapter, WintunOptions.MinRingCapacity);
        Assert.NotEqual(0, _session);
        return Standin.Require();
    }
}
