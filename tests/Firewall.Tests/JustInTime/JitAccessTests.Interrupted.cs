using Firewall.Core.Rules;
using Firewall.Hosting;
using Firewall.JustInTime;
using Xunit;

namespace Firewall.Tests.JustInTime;

/// <summary>What comes between: a machine that does not follow, a successor that takes over.</summary>
public sealed partial class JitAccessTests
{
    [Theory]
    [InlineData(false)] // no socket for netlink is to be had
    [InlineData(true)] // the last interface is gone
    public void What_the_machine_does_not_let_be_closed_now_is_closed_when_it_does(bool isApplianceException)
    {
        JitRequest revoked = _jit.Request(Ask(22, "198.51.100.1", TimeSpan.FromHours(1)), Ana);
        _jit.Request(Ask(22, "198.51.100.2", TimeSpan.FromMinutes(10)), Ana);
        Func<Guid?, Policy> apply = _jit.Apply;
        _jit.Apply = _ => throw (isApplianceException ? new ApplianceException("no interface") : new IOException("no netlink"));
        Assert.Equal(JitStatus.Revoked, _jit.Revoke(revoked.Id, Ana).Status);
        _time.Advance(TimeSpan.FromMinutes(10));
        for (int second = 0; second < 3; second++) _jit.EndWhatIsOver();
        Assert.Single(_logger.Lines, line => line.StartsWith("Error A policy without ended", StringComparison.Ordinal));
        Assert.Equal((Access.Allow, Access.Allow), (Verdict("198.51.100.1", 22), Verdict("198.51.100.2", 22)));
        _jit.Apply = apply;
        _jit.EndWhatIsOver();
        Assert.Equal((Access.Deny, Access.Deny), (Verdict("198.51.100.1", 22), Verdict("198.51.100.2", 22)));
        _jit.Apply = _ => throw new InvalidOperationException("nothing is owed any more");
        _jit.EndWhatIsOver();
    }

    [Fact]
    public void What_the_machine_does_not_let_be_opened_is_refused_and_not_opened_later()
    {
        Func<Guid?, Policy> apply = _jit.Apply;
        _jit.Apply = _ => throw new ApplianceException("there is no network interface to guard but the loopback");
        JitRefusal refusal = Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "198.51.100.7"), Ana));
        Assert.Equal("the request cannot be put in force: there is no network interface to guard but the loopback", refusal.Message);
        Assert.Empty(_jit.Requests);
        _jit.Apply = apply;
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
    }

    [Fact]
    public void What_is_granted_revoked_and_over_while_a_successor_starts_is_so_for_the_successor()
    {
        JitRequest revoked = _jit.Request(Ask(22, "198.51.100.1", TimeSpan.FromHours(1)), Ana);
        _jit.Request(Ask(22, "198.51.100.2", TimeSpan.FromMinutes(10)), Ana);
        JitAccess running = _jit;
        JitAccess successor = Start();
        running.Revoke(revoked.Id, Ana);
        _time.Advance(TimeSpan.FromMinutes(10));
        running.EndWhatIsOver();
        JitRequest granted = running.Request(Ask(22, "198.51.100.3", TimeSpan.FromHours(1)), Ana);
        running.Pause();
        successor.CatchUp();
        Assert.Equal((Access.Deny, Access.Deny, Access.Allow), (Verdict("198.51.100.1", 22), Verdict("198.51.100.2", 22), Verdict("198.51.100.3", 22)));
        Assert.Equal(running.Requests.Select(r => (r.Id, r.Status)), successor.Requests.Select(r => (r.Id, r.Status)));
        successor.EndWhatIsOver();
        Assert.Single(_folder.ReadLines("activity.jsonl"), line => line.Contains("jitNetworkAccessPolicies/expire/action", StringComparison.Ordinal));
        successor.Revoke(granted.Id, Ana);
        Assert.Equal(Access.Deny, Verdict("198.51.100.3", 22));
    }

    [Fact]
    public void Where_nothing_was_granted_or_ended_meanwhile_the_successor_compiles_nothing_again()
    {
        _jit.Request(Ask(22, "198.51.100.7"), Ana);
        JitAccess successor = Start();
        string compiled = successor.Signature;
        successor.CatchUp();
        Assert.Equal(compiled, successor.Signature);
    }

    [Fact]
    public void A_successor_that_starts_leaves_the_file_to_the_running_process()
    {
        _jit.Request(Ask(22, "198.51.100.1", TimeSpan.FromMinutes(10)), Ana);
        _time.Advance(TimeSpan.FromMinutes(10)); // the running process has not yet looked
        byte[] before = File.ReadAllBytes(_folder["jit-state.json"]);
        JitAccess successor = Start();
        Assert.Equal(Access.Deny, Verdict("198.51.100.1", 22));
        Assert.Equal(before, File.ReadAllBytes(_folder["jit-state.json"]));
        successor.EndWhatIsOver();
        Assert.NotEqual(before, File.ReadAllBytes(_folder["jit-state.json"]));
    }

    [Fact]
    public void Who_hands_over_decides_nothing_any_more_unless_the_successor_is_gone()
    {
        JitRequest granted = _jit.Request(Ask(22, "198.51.100.1", TimeSpan.FromMinutes(10)), Ana);
        byte[] before = File.ReadAllBytes(_folder["jit-state.json"]);
        _jit.Pause();
        const string why = "an upgrade is under way, and the new process is about to decide; try again in a moment";
        Assert.Equal(why, Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "198.51.100.2"), Ana)).Message);
        Assert.Equal(why, Assert.Throws<JitRefusal>(() => _jit.Revoke(granted.Id, Ana)).Message);
        _time.Advance(TimeSpan.FromMinutes(10));
        _jit.EndWhatIsOver();
        Assert.Equal(before, File.ReadAllBytes(_folder["jit-state.json"]));
        _jit.Resume();
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.1", 22));
        _jit.Request(Ask(22, "198.51.100.2"), Ana);
    }
}
