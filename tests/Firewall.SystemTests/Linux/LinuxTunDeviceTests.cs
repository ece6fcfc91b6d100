using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Firewall.Core.Dataplane;
using Firewall.Core.Packets;
using Firewall.Devices.Linux;
using Xunit;

namespace Firewall.SystemTests.Linux;

[Collection("Linux")]
public sealed class LinuxTunDeviceTests
{
    [Fact]
    public void A_tun_opens_with_all_offloads_and_is_up_with_its_queue_length_and_without_addresses()
    {
        using var here = new NetworkNamespace("tun");
        here.Inside(() =>
        {
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions { Name = "fw0" });
            Assert.True(tun.HasVirtioHeader);
            Assert.Equal(TunOffloads.All, tun.Offloads);
            Assert.Equal(10, Assert.Single(tun.Queues).HeaderLength);
            string link = here.Ip("addr", "show", "fw0");
            Assert.Contains(",UP,LOWER_UP>", link, StringComparison.Ordinal);
            Assert.Contains("mtu 1500", link, StringComparison.Ordinal);
            Assert.Contains("qlen 4096", link, StringComparison.Ordinal);
            Assert.DoesNotContain("inet", link, StringComparison.Ordinal);
        });
        Assert.DoesNotContain("fw0", here.Ip("link"), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_of_the_kernels_own_disturbs_a_quiet_tun()
    {
        using var here = new NetworkNamespace("quiet");
        here.Inside(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv6/conf/all/forwarding", "1");
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions());
            var batch = new PacketBatch(10);
            // Longer than a router solicitation or the first listener reports would take.
            Assert.True(tun.Queues[0].Read(batch, 2500));
            Assert.Equal(0, batch.Count);
        });
    }

    [Fact]
    public void Several_queues_attach_to_one_interface()
    {
        using var here = new NetworkNamespace("queues");
        here.Inside(() =>
        {
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions { Queues = 3 });
            Assert.Equal(3, tun.Queues.Count);
            Assert.Contains("numqueues 3", here.Ip("-d", "link", "show", "fw0"), StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(TunOffloads.None)]
    [InlineData(TunOffloads.Checksum | TunOffloads.Tso4)]
    // The kernel refuses these as a whole, and then takes what is possible.
    [InlineData(TunOffloads.Checksum | TunOffloads.Tso4 | TunOffloads.Uso4, TunOffloads.Checksum | TunOffloads.Tso4)]
    [InlineData(TunOffloads.Tso4 | TunOffloads.Tso6, TunOffloads.None)]
    public void Offloads_that_the_kernel_refuses_are_left_out_one_by_one(TunOffloads wanted, TunOffloads? granted = null)
    {
        using var here = new NetworkNamespace("offloads");
        here.Inside(() =>
        {
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions { Offloads = wanted });
            Assert.Equal(granted ?? wanted, tun.Offloads);
        });
    }

    [Fact]
    public void The_mtu_is_the_smallest_of_the_followed_interfaces_and_follows_them()
    {
        using var here = new NetworkNamespace("mtu");
        using var there = new NetworkNamespace("peer");
        NetworkNamespace.Connect(here, "eth0", there, "eth0", 9000);
        NetworkNamespace.Connect(here, "eth1", there, "eth1", 1400);
        here.Inside(() =>
        {
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions { FollowedInterfaces = ["eth0", "eth1"] });
            Assert.Equal(1400, tun.Mtu);
            here.Ip("link", "set", "eth1", "mtu", "8000");
            Assert.True(tun.FollowMtu());
            Assert.False(tun.FollowMtu());
            Assert.Contains("mtu 8000", here.Ip("link", "show", "fw0"), StringComparison.Ordinal);
            here.Ip("link", "set", "eth1", "mtu", "600");
            Assert.True(tun.FollowMtu());
            Assert.Equal(1280, tun.Mtu);
        });
    }

    [Fact]
    public void Addresses_and_a_fixed_mtu_are_set_on_wish()
    {
        using var here = new NetworkNamespace("addr");
        here.Inside(() =>
        {
            Assert.True(IpAddress.TryParse("192.0.2.1", out IpAddress v4));
            Assert.True(IpAddress.TryParse("2001:db8::1", out IpAddress v6));
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions { Mtu = 9000, Addresses = [(v4, 32), (v6, 128)] });
            string text = here.Ip("addr", "show", "fw0");
            Assert.Contains("mtu 9000", text, StringComparison.Ordinal);
            Assert.Contains("inet 192.0.2.1/32", text, StringComparison.Ordinal);
            Assert.Contains("inet6 2001:db8::1/128", text, StringComparison.Ordinal);
            Assert.False(tun.FollowMtu());
        });
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    [InlineData(2, true)] // to which the kernel would add one more queue
    [InlineData(2, true, 1)] // which would be made anew
    public void A_second_instance_is_told_who_holds_the_tun(int queues, bool persistent, int queuesOfSecond = 0)
    {
        using var here = new NetworkNamespace("second");
        here.Inside(() =>
        {
            var options = new TunOptions { Queues = queues, Persistent = persistent };
            using LinuxTunDevice first = LinuxTunDevice.Open(options);
            TunException refusal = Assert.Throws<TunException>(() => LinuxTunDevice.Open(options with { Queues = queuesOfSecond > 0 ? queuesOfSecond : queues }));
            Assert.Contains("EBUSY", refusal.Message, StringComparison.Ordinal);
            if (queues > 1) Assert.Contains($"numqueues {queues}", here.Ip("-d", "link", "show", "fw0"), StringComparison.Ordinal);
            Assert.Contains("another firewall (or program) holds TUN fw0", refusal.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void The_name_of_an_interface_of_another_kind_is_refused()
    {
        using var here = new NetworkNamespace("taken");
        here.Inside(() => Assert.Contains("interface lo is there already",
            Assert.Throws<TunException>(() => LinuxTunDevice.Open(new TunOptions { Name = "lo" })).Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a-name-of-16-chr", "too long")]
    [InlineData("fw 0", "not allowed")]
    [InlineData("", "may not be empty")]
    public void A_bad_name_is_refused_before_anything_is_made(string name, string reason) => Assert.Contains(reason,
        Assert.Throws<TunException>(() => LinuxTunDevice.Open(new TunOptions { Name = name })).Message, StringComparison.Ordinal);

    [Fact]
    public void A_missing_device_file_says_how_to_get_it()
    {
        string message = Assert.Throws<TunException>(() => LinuxTunDevice.Open(new TunOptions { DevicePath = "/dev/net/none" })).Message;
        Assert.Contains("ENOENT", message, StringComparison.Ordinal);
        Assert.Contains("modprobe tun", message, StringComparison.Ordinal);
        Assert.Contains("--device /dev/net/tun", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_tun_driver_is_refused() =>
        Assert.Contains("cannot be made", Assert.Throws<TunException>(() => LinuxTunDevice.Open(new TunOptions { DevicePath = "/dev/null" })).Message, StringComparison.Ordinal);

    [Fact]
    public void An_unknown_interface_to_follow_is_named_with_those_that_are_there()
    {
        using var here = new NetworkNamespace("unknown");
        here.Inside(() =>
        {
            string message = Assert.Throws<TunException>(() => LinuxTunDevice.Open(new TunOptions { FollowedInterfaces = ["eth7"] })).Message;
            Assert.Contains("no network interface 'eth7'", message, StringComparison.Ordinal);
            Assert.Contains("there are: lo", message, StringComparison.Ordinal);
            Assert.DoesNotContain("fw0", here.Ip("link"), StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(257, 0)]
    [InlineData(1, 1279)]
    [InlineData(1, 65_522)]
    public void Numbers_out_of_range_are_refused(int queues, int mtu) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LinuxTunDevice.Open(new TunOptions { Queues = queues, Mtu = mtu }));

    [Fact]
    public void Without_the_capability_the_error_names_it()
    {
        using var here = new NetworkNamespace("nocap");
        (int code, string output) = Child.Try(here, "open-tun", "setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin", "--ambient-caps=-net_admin");
        Assert.Equal(1, code);
        Assert.Contains("EPERM", output, StringComparison.Ordinal);
        Assert.Contains("CAP_NET_ADMIN", output, StringComparison.Ordinal);
        Assert.Contains("--cap-add NET_ADMIN", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Disposing_ends_a_read_that_waits_and_all_later_ones(bool sleepInRead)
    {
        using var here = new NetworkNamespace("dispose");
        LinuxTunDevice tun = here.Inside(() => LinuxTunDevice.Open(new TunOptions { SleepInRead = sleepInRead }));
        bool more = true;
        var batch = new PacketBatch(10);
        using var reading = new ManualResetEventSlim();
        var reader = new Thread(() =>
        {
            reading.Set();
            more = tun.Queues[0].Read(batch, -1);
        });
        reader.Start();
        reading.Wait();
        tun.Dispose();
        Assert.True(reader.Join(TimeSpan.FromSeconds(10)));
        Assert.False(more);
        Assert.False(tun.Queues[0].Read(batch, -1));
        Assert.Equal(0, tun.Queues[0].Write(batch));
        tun.Queues[0].Wake();
        tun.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Waking_makes_a_read_return_with_an_empty_batch_and_the_time_out_does_too(bool sleepInRead)
    {
        using var here = new NetworkNamespace("wake");
        using LinuxTunDevice tun = here.Inside(() => LinuxTunDevice.Open(new TunOptions { SleepInRead = sleepInRead }));
        var batch = new PacketBatch(10);
        tun.Queues[0].Wake();
        Assert.True(tun.Queues[0].Read(batch, -1));
        Assert.Equal(0, batch.Count);
        long start = Stopwatch.GetTimestamp();
        Assert.True(tun.Queues[0].Read(batch, 50));
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(45));
        Assert.True(tun.Queues[0].Read(batch, 0));
        Assert.Equal(0, batch.Count);
    }

    // A signal finds nobody asleep if it comes a moment before the sleep.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void No_wake_is_lost_wherever_between_two_sleeps_it_comes(bool sleepInRead)
    {
        const int Wakes = 20_000;
        using var here = new NetworkNamespace("wakes");
        using LinuxTunDevice tun = here.Inside(() => LinuxTunDevice.Open(new TunOptions { SleepInRead = sleepInRead }));
        int woken = 0;
        var reader = new Thread(() =>
        {
            var batch = new PacketBatch(10);
            while (tun.Queues[0].Read(batch, -1)) Volatile.Write(ref woken, woken + 1);
        });
        reader.Start();
        for (int i = 0; i < Wakes; i++)
        {
            int before = Volatile.Read(ref woken);
            tun.Queues[0].Wake();
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref woken) > before, TimeSpan.FromSeconds(10)), $"wake {i} was lost");
        }

        tun.Dispose();
        Assert.True(reader.Join(TimeSpan.FromSeconds(10)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_thread_after_the_other_reads_and_is_woken(bool sleepInRead)
    {
        using var here = new NetworkNamespace("threads");
        using LinuxTunDevice tun = here.Inside(() => LinuxTunDevice.Open(new TunOptions { SleepInRead = sleepInRead }));
        for (int i = 0; i < 50; i++)
        {
            var reader = new Thread(() => tun.Queues[0].Read(new PacketBatch(10), -1));
            reader.Start();
            tun.Queues[0].Wake();
            Assert.True(reader.Join(TimeSpan.FromSeconds(10)), $"thread {i} sleeps on");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_deleted_interface_ends_the_queue(bool sleepInRead)
    {
        using var here = new NetworkNamespace("gone");
        using LinuxTunDevice tun = here.Inside(() => LinuxTunDevice.Open(new TunOptions { SleepInRead = sleepInRead }));
        var batch = new PacketBatch(10);
        bool more = true;
        var reader = new Thread(() => more = tun.Queues[0].Read(batch, -1));
        reader.Start();
        here.Ip("link", "del", "fw0");
        Assert.True(reader.Join(TimeSpan.FromSeconds(10)));
        Assert.False(more);
    }

    [Fact]
    public void A_packet_that_the_kernel_refuses_is_counted_and_nothing_else_happens()
    {
        using var here = new NetworkNamespace("refused");
        using LinuxTunDevice tun = here.Inside(() => LinuxTunDevice.Open(new TunOptions()));
        var batch = new PacketBatch(10);
        Assert.True(batch.TryAddReply([0x45])); // a tenth of an IP header
        here.Ip("link", "set", "fw0", "down");
        Assert.True(batch.TryAddReply(new byte[20]));
        Assert.Equal(0, tun.Queues[0].Write(batch));
        Assert.Equal(2, tun.WriteErrors);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reading_and_writing_allocate_nothing(bool sleepInRead)
    {
        using var here = new NetworkNamespace("alloc");
        here.Inside(() =>
        {
            using LinuxTunDevice tun = LinuxTunDevice.Open(new TunOptions { SleepInRead = sleepInRead });
            here.Ip("route", "add", "198.51.100.0/24", "dev", "fw0");
            here.Address("lo", "192.0.2.1/32");
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            var target = new IPEndPoint(IPAddress.Parse("198.51.100.7"), 9);
            var batch = new PacketBatch(10);
            long allocated = 0;
            int packets = 0;
            for (int round = 0; round < 20; round++)
            {
                for (int i = 0; i < 40; i++) socket.SendTo("hello"u8, target);
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int turn = 0; turn < 2; turn++)
                {
                    batch.Clear();
                    tun.Queues[0].Read(batch, turn == 0 ? -1 : 1); // the second finds nothing and waits a millisecond
                    packets += batch.Count;
                    for (int i = 0; i < batch.Count; i++) batch.Allow(i);
                    tun.Queues[0].Write(batch);
                }

                if (round >= 10) allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            }

            Assert.Equal(800, packets);
            Assert.Equal(0, allocated);
        });
    }
}
