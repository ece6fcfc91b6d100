using Firewall.Devices.Linux;
using Firewall.Hosting.Handover;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>What two versions tell each other at an upgrade.</summary>
public sealed class HandoverOfferTests
{
    [Fact]
    public void What_was_found_of_the_offloads_is_handed_on()
    {
        var offer = new HandoverOffer(HandoverOffer.CurrentProtocol, "1.2.3", 2, "/run/firewall/fw0.flows", (uint)TunOffloads.Tso6);
        Assert.Equal(offer, HandoverOffer.Read(offer.Write()));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(HandoverOffer.CurrentProtocol, true)]
    [InlineData(HandoverOffer.CurrentProtocol + 1, false)]
    public void Older_versions_are_taken_over_from_and_later_ones_not(int protocol, bool understands) =>
        Assert.Equal(understands, HandoverOffer.Understands(protocol));

    [Fact]
    public void A_version_that_knows_no_probe_has_found_nothing() =>
        Assert.Null(HandoverOffer.Read("""{"Protocol":1,"Program":"0.0.9","Queues":1,"Flows":null}""").Misbehaving);
}
