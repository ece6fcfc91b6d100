using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>The transition table, conversation by conversation: who sent what, and the state it leads to.</summary>
public sealed class TcpTrackerTests
{
    private const TcpFlags Syn = TcpFlags.Syn;
    private const TcpFlags SynAck = TcpFlags.Syn | TcpFlags.Ack;
    private const TcpFlags Ack = TcpFlags.Ack;
    private const TcpFlags FinAck = TcpFlags.Fin | TcpFlags.Ack;
    private const TcpFlags Rst = TcpFlags.Rst;

    private FlowRecord _record;

    public TcpTrackerTests() => TcpTracker.Open(ref _record);

    [Fact]
    public void A_handshake_and_an_orderly_close()
    {
        Reply(SynAck, TcpState.SynReceived);
        Forward(Ack, TcpState.Established);
        Assert.True(_record.Flags.HasFlag(FlowFlags.Assured | FlowFlags.Replied));
        Forward(Ack | TcpFlags.Psh, TcpState.Established);
        Reply(Ack, TcpState.Established);
        Forward(FinAck, TcpState.FinWait);
        Reply(Ack, TcpState.CloseWait);
        Reply(FinAck, TcpState.LastAck);
        Forward(Ack, TcpState.TimeWait);
    }

    [Fact]
    public void A_half_closed_connection_stays_open_for_the_other_end()
    {
        Establish();
        Forward(FinAck, TcpState.FinWait);
        Reply(Ack, TcpState.CloseWait);
        for (int i = 0; i < 10; i++) Reply(Ack | TcpFlags.Psh, TcpState.CloseWait);
    }

    [Fact]
    public void Both_ends_may_open_at_the_same_time()
    {
        Reply(Syn, TcpState.SynSent2);
        Forward(SynAck, TcpState.SynReceived);
        Reply(Ack, TcpState.SynReceived);
        Forward(Ack, TcpState.Established);
    }

    [Fact]
    public void A_repeated_syn_passes_and_does_not_refresh() => Assert.Equal(TrackResult.Ignore, Track(Syn, isForward: true));

    [Fact]
    public void A_reset_closes() => Reply(Rst | TcpFlags.Ack, TcpState.Close);

    [Fact]
    public void A_syn_on_a_finished_connection_opens_a_new_one()
    {
        Establish();
        Reply(Rst, TcpState.Close);
        Assert.Equal(TrackResult.Reopen, Track(Syn, isForward: true));
    }

    [Fact]
    public void A_syn_on_a_live_connection_passes_for_the_host_to_challenge()
    {
        Establish();
        Assert.Equal(TrackResult.Ignore, Track(Syn, isForward: true));
        Assert.Equal(TcpState.Established, (TcpState)_record.State);
    }

    [Theory]
    [InlineData(Ack, true)]
    [InlineData(SynAck, true)]
    [InlineData(FinAck, true)]
    [InlineData(FinAck, false)]
    public void Before_the_answer_nothing_but_syn_and_reset_fits(TcpFlags flags, bool isForward) =>
        Assert.Equal(TrackResult.Invalid, Track(flags, isForward));

    [Fact]
    public void Only_the_flag_sets_of_sane_stacks_are_valid()
    {
        var valid = new List<TcpFlags>();
        for (int bits = 0; bits < 64; bits++)
        {
            if ((bits & (int)TcpFlags.Psh) == 0 && TcpTracker.AreFlagsValid((TcpFlags)bits)) valid.Add((TcpFlags)bits);
        }

        Assert.Equal(
            [
                Syn, Rst, Ack, FinAck, SynAck, Rst | Ack, Syn | TcpFlags.Urg, Ack | TcpFlags.Urg, FinAck | TcpFlags.Urg,
            ],
            valid);
        Assert.True(TcpTracker.AreFlagsValid(Syn | TcpFlags.Ece | TcpFlags.Cwr));
        Assert.False(TcpTracker.AreFlagsValid(Syn | TcpFlags.Fin));
        Assert.False(TcpTracker.AreFlagsValid(TcpFlags.None));
    }

    private void Establish()
    {
        Reply(SynAck, TcpState.SynReceived);
        Forward(Ack, TcpState.Established);
    }

    private void Forward(TcpFlags flags, TcpState expected) => Expect(flags, isForward: true, expected);

    private void Reply(TcpFlags flags, TcpState expected) => Expect(flags, isForward: false, expected);

    private void Expect(TcpFlags flags, bool isForward, TcpState expected)
    {
        Assert.Equal(TrackResult.Accept, Track(flags, isForward));
        Assert.Equal(expected, (TcpState)_record.State);
    }

    private TrackResult Track(TcpFlags flags, bool isForward)
    {
        var segment = new PacketInfo { Protocol = IpProtocol.Tcp, TcpFlags = flags };
        return TcpTracker.Track(ref _record, segment, isForward);
    }
}
