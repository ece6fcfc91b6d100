using Firewall.Admin.Drops;
using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Who follows denied packets gets so many a second for each reason, and knows how many more there were.</summary>
public sealed class DropFeedTests
{
    [Fact]
    public void Each_reason_has_its_own_limit_in_each_second_and_the_rest_is_counted()
    {
        var feed = new DropFeed();
        using DropFollower follower = feed.Follow(3, null);
        for (int i = 0; i < 10; i++) feed.Add(Drop(VerdictReason.Rule, 1_000 + i));
        feed.Add(Drop(VerdictReason.NoFlow, 1_500));
        for (int i = 0; i < 10; i++) feed.Add(Drop(VerdictReason.Rule, 2_000 + i));
        Assert.Equal(["Rule", "Rule", "Rule", "NoFlow", "Rule", "Rule", "Rule"], Taken(follower));
        Assert.Equal((14, 0), (follower.TakeSuppressed(VerdictReason.Rule), follower.TakeSuppressed(VerdictReason.NoFlow)));
        Assert.Equal(0, follower.TakeSuppressed(VerdictReason.Rule));
    }

    [Fact]
    public void Who_does_not_read_loses_packets_and_nobody_else_does()
    {
        var feed = new DropFeed();
        using DropFollower slow = feed.Follow(1000, null);
        using DropFollower quick = feed.Follow(1000, VerdictReason.Rule);
        int taken = 0;
        for (int i = 0; i < 5_000; i++)
        {
            feed.Add(Drop(VerdictReason.Rule, i * 10));
            feed.Add(Drop(VerdictReason.NoFlow, i * 10));
            taken += Taken(quick).Count;
        }

        Assert.Equal(5_000, taken);
        Assert.Equal(10_000, Taken(slow).Count + slow.TakeSuppressed(VerdictReason.Rule) + slow.TakeSuppressed(VerdictReason.NoFlow));
    }

    [Fact]
    public void Who_has_left_gets_nothing()
    {
        var feed = new DropFeed();
        DropFollower follower = feed.Follow(3, null);
        follower.Dispose();
        feed.Add(Drop(VerdictReason.Rule, 1_000));
        Assert.Empty(Taken(follower));
    }

    private static DropEvent Drop(VerdictReason reason, long time) => new(time, new Verdict(Access.Deny, reason), default(PacketInfo));

    private static List<string> Taken(DropFollower follower)
    {
        List<string> taken = [];
        while (follower.TryTake(out DropEvent drop)) taken.Add(drop.Verdict.Reason.ToString());
        return taken;
    }
}
