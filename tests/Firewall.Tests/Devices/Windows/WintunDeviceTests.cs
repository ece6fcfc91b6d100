using System.Collections.Concurrent;
using System.Reflection.PortableExecutable;
using Firewall.Devices.Windows;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.Devices.Windows;

/// <summary>Loading wintun.dll, making an adapter, and what can go wrong with either.</summary>
public sealed class WintunDeviceTests
{
    [Fact]
    public void An_adapter_has_a_name_a_LUID_and_a_driver_and_is_gone_when_disposed()
    {
        using WintunAdapter first = new();
        using WintunAdapter second = new();
        Assert.Equal(first.Options.Name, first.Device.Name);
        Assert.NotEqual(0UL, first.Device.Luid);
        Assert.NotEqual(first.Device.Luid, second.Device.Luid);
        Assert.Equal(new Version(0, 14), first.Device.DriverVersion);
        Assert.Equal(0, first.Queue.HeaderLength);
        first.Dispose();
        using WintunDevice again = WintunDevice.Open(first.Options);
    }

    [Fact]
    public void The_GUID_is_always_the_same_for_a_name()
    {
        Assert.Equal(new WintunOptions { Name = "fw0" }.Id, new WintunOptions { Name = "fw0", RingCapacity = 1 }.Id);
        Assert.NotEqual(new WintunOptions { Name = "fw0" }.Id, new WintunOptions { Name = "fw1" }.Id);
    }

    [Fact]
    public void A_second_adapter_of_the_same_name_is_refused()
    {
        using WintunAdapter adapter = new();
        WintunException refused = Assert.Throws<WintunException>(() => WintunDevice.Open(adapter.Options));
        Assert.Contains($"adapter {adapter.Options.Name} cannot be made: there already is an adapter", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interface_of_that_name_that_is_not_ours_keeps_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' own interfaces would be asked");
        var options = new WintunOptions { Name = "Ethernet", LibraryPath = Standin.Require().Path };
        Assert.Contains("there already is an interface of this name", Assert.Throws<WintunException>(() => WintunDevice.Open(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_of_the_library_reach_the_log()
    {
        ConcurrentQueue<(WintunLogLevel Level, string Text)> messages = [];
        using WintunAdapter adapter = new(log: (level, text) => messages.Enqueue((level, text)));
        Assert.Contains((WintunLogLevel.Information, "Adapter created"), messages);
        Assert.Throws<WintunException>(() => WintunDevice.Open(adapter.Options, (level, text) => messages.Enqueue((level, text))));
        Assert.Contains(messages, message => message.Level == WintunLogLevel.Error);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(WintunOptions.MinRingCapacity / 2)]
    [InlineData(WintunOptions.MinRingCapacity + 1)]
    [InlineData(WintunOptions.MaxRingCapacity * 2)]
    public void A_ring_that_Wintun_would_refuse_is_refused_before(int bytes)
    {
        var options = new WintunOptions { LibraryPath = Standin.Require().Path, RingCapacity = bytes };
        Assert.Contains("power of two", Assert.Throws<WintunException>(() => WintunDevice.Open(options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("tab\t")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789")]
    public void A_name_that_Windows_would_refuse_is_refused(string name)
    {
        Assert.NotNull(WintunOptions.CheckName(name));
        Assert.Throws<WintunException>(() => WintunDevice.Open(new WintunOptions { Name = name }));
    }

    [Fact]
    public void A_missing_library_is_an_error_that_names_the_download_page()
    {
        using TempFolder folder = new();
        WintunException missing = Assert.Throws<WintunException>(() => Open(Path.Combine(folder.Path, "wintun.dll")));
        Assert.Contains("wintun.dll is missing; get Wintun from https://www.wintun.net", missing.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Machine.I386, "x86")]
    [InlineData(Machine.Arm64, "arm64")]
    public void A_library_for_another_processor_is_an_error_that_names_both(Machine machine, string name)
    {
        Assert.SkipUnless(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "made for x64");
        using TempFolder folder = new();
        string path = Path.Combine(folder.Path, "wintun.dll");
        File.WriteAllBytes(path, PortableExecutable(machine));
        Assert.Contains($"is made for {name}, this program runs as amd64", Assert.Throws<WintunException>(() => Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_library_is_an_error_that_names_the_download_page()
    {
        using TempFolder folder = new();
        string path = Path.Combine(folder.Path, "wintun.dll");
        File.WriteAllText(path, "<html>404</html>");
        WintunException refused = Assert.Throws<WintunException>(() => Open(path));
        Assert.Contains("cannot be loaded", refused.Message, StringComparison.Ordinal);
        Assert.Contains("https://www.wintun.net", refused.Message, StringComparison.Ordinal);
    }

    private static WintunDevice Open(string library) => WintunDevice.Open(new WintunOptions { LibraryPath = library });

    // The headers of a library, as far as they say which processor it is for.
    private static byte[] PortableExecutable(Machine machine)
    {
        var header = new PEHeaderBuilder(machine, imageCharacteristics: Characteristics.Dll | Characteristics.ExecutableImage);
        var image = new System.Reflection.Metadata.BlobBuilder();
        var metadata = new System.Reflection.Metadata.Ecma335.MetadataRootBuilder(new System.Reflection.Metadata.Ecma335.MetadataBuilder());
        new ManagedPEBuilder(header, metadata, new System.Reflection.Metadata.BlobBuilder()).Serialize(image);
        return image.ToArray();
    }
}
