using Firewall.Devices.Linux.Routing;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

public sealed class SettingsRecordTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("fwtest").FullName;

    public SettingsRecordTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_was_noted_first_counts_and_the_order_is_kept_over_a_restart()
    {
        SettingsRecord record = Open(believeFile: false);
        record.Remember("net/ipv4/ip_early_demux", "1");
        record.Remember("net/ipv4/conf/eth0/forwarding", "0");
        record.Remember("net/ipv4/ip_early_demux", "0");
        record.Save();
        Assert.Null(record.Problem);
        Assert.Equal([("net/ipv4/ip_early_demux", "1"), ("net/ipv4/conf/eth0/forwarding", "0")], Open(believeFile: true).Values);
    }

    [Fact]
    public void Without_a_sign_of_a_crash_the_file_is_not_believed()
    {
        SettingsRecord record = Open(believeFile: false);
        record.Remember("net/ipv4/ip_early_demux", "1");
        record.Save();
        Assert.Empty(Open(believeFile: false).Values);
    }

    [Fact]
    public void A_file_of_another_boot_or_namespace_is_not_believed_and_strange_lines_are_not_either()
    {
        SettingsRecord record = Open(believeFile: false);
        record.Remember("net/ipv4/ip_early_demux", "1");
        record.Save();
        string file = Assert.Single(Directory.GetFiles(_directory));
        string[] lines = File.ReadAllLines(file);
        File.WriteAllLines(file, [lines[0], "kernel/core_pattern=|/bin/sh", "net/../kernel/panic=1", "net/without-value", "", "net/ipv4/tcp_sack=1"]);
        Assert.Equal([("net/ipv4/tcp_sack", "1")], Open(believeFile: true).Values);
        File.WriteAllLines(file, ["firewall settings of net:[1] in boot x", "net/ipv4/tcp_sack=1"]);
        Assert.Empty(Open(believeFile: true).Values);
        File.WriteAllText(file, "");
        Assert.Empty(Open(believeFile: true).Values);
    }

    [Fact]
    public void A_cleared_record_leaves_nothing()
    {
        SettingsRecord record = Open(believeFile: false);
        record.Remember("net/ipv4/ip_early_demux", "1");
        record.Save();
        record.Clear();
        Assert.Empty(record.Values);
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Fact]
    public void A_sysctl_key_keeps_the_dots_of_an_interfaces_name_apart() =>
        Assert.Equal("net.ipv4.conf.eth0/100.forwarding", KernelSettings.Key("net/ipv4/conf/eth0.100/forwarding"));

    private SettingsRecord Open(bool believeFile) => SettingsRecord.Open(_directory, "fw0", believeFile);
}
