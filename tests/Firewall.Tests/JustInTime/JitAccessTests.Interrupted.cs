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
        Func<Guid, Policy> apply = _jit.Apply;
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
        Func<Guid, Policy> apply = _jit.Apply;
        _jit.Apply = _ => throw new ApplianceException("there is no network interface to guard but the loopback");
        JitRefusal refusal = Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "198.51.100.7"), Ana));
        Assert.Equal("the request cannot be put in force: there is no network interface to guard but the loopback", refusal.Message);
        Assert.Empty(_jit.Requests);
        _jit.Apply = apply;
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
    }
}
