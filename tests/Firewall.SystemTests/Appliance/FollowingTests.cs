using System.Collections;
using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.Hosting;
using Firewall.SystemTests.Linux;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>The network may change at any moment of a start.</summary>
public sealed class FollowingTests
{
    [Fact]
    public void What_changes_after_the_first_look_at_the_network_and_before_the_watch_over_it_is_followed()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group());
        FirewallOptions options = new ConfigurationLoader(lab.Configuration("Host", "\"inside\""), mayBeMissing: false, new Hashtable()).Load();
        var platform = new LinuxPlatform(new ActingLogger("TUN fw0 is up", () =>
        {
            lab.Vm.Address("inside", "10.0.0.9/24");
            lab.Vm.Ip("route", "add", "198.51.100.0/24", "via", "10.0.0.1", "dev", "inside");
        }));
        using var addressesChanged = new ManualResetEventSlim();
        lab.Vm.Inside(() =>
        {
            using IPacketDevice device = platform.OpenDevice(options);
            using IDisposable routing = platform.Route(options, device, addressesChanged.Set);
            Wait.Until(() => lab.Vm.Ip("route", "show", "table", "11401").Contains("198.51.100.0/24 dev fw0", StringComparison.Ordinal), "the route is not mirrored");
            Assert.True(addressesChanged.Wait(TimeSpan.FromSeconds(10)), "nobody was told of the address");
        });
    }

    /// <summary>Does something at the moment when a line is logged.</summary>
    private sealed class ActingLogger(string line, Action act) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (formatter(state, exception).StartsWith(line, StringComparison.Ordinal)) act();
        }
    }
}
