using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Tests.Packets;
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

    private const string Client = "10.0.0.1:40000";
    private const string Server = "10.0.0.2:22";

    private FlowRecord _record;
    private uint _clientNext = 1000;
    private uint _serverNext = 5000;

    public TcpTrackerTests()
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, Syn, seq: _clientNext++);
        PacketParser.Parse(packet, out PacketInfo info);
        TcpTracker.Open(ref _record.Head, ref _record.Tail, info, packet);
    }

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
        Assert.Equal(TrackResult.Accept, Track(Client, Server, SynAck, _clientNext - 1, _serverNext));
        Assert.Equal(TcpState.SynReceived, (TcpState)_record.State);
        Assert.Equal(TrackResult.Accept, Track(Server, Client, Ack, _serverNext, _clientNext));
        Assert.Equal(TcpState.Established, (TcpState)_record.State);
    }

    [Fact]
    public void A_repeated_syn_passes_and_does_not_refresh() =>
        Assert.Equal(TrackResult.Ignore, Track(Client, Server, Syn, _clientNext - 1, 0));

    [Fact]
    public void A_reset_as_the_only_answer_takes_the_flow_with_it() =>
        Assert.Equal(TrackResult.AcceptAndRemove, Track(Server, Client, Rst | Ack, 0, _clientNext));

    [Fact]
    public void A_syn_on_a_reset_connection_opens_a_new_one()
    {
        Establish();
        Reply(Rst, TcpState.Close);
        Assert.Equal(TrackResult.Reopen, Track(Client, Server, Syn, 99_000_000, 0));
    }

    [Fact]
    public void A_syn_of_either_end_on_a_live_connection_passes_for_the_host_to_challenge()
    {
        Establish();
        Assert.Equal(TrackResult.Ignore, Track(Server, Client, Syn, 77_000_000, 0));
        Assert.Equal(TcpState.Established, (TcpState)_record.State);
        Assert.Equal(TrackResult.PassIfAllowed, Track(Client, Server, SynAck, 99_000_000, _serverNext));
        Assert.Equal(TrackResult.InvalidState, Track(Client, Server, SynAck, 99_000_000, 55_000_001));
        Assert.Equal(TrackResult.Restart, Track(Client, Server, SynAck, 99_000_000, 77_000_001));
        Assert.Equal(TrackResult.PassIfAllowed, Track(Client, Server, Syn, 99_000_000, 0));
        Assert.Equal(TcpState.Established, (TcpState)_record.State);
    }

    [Theory]
    [InlineData(Ack)]
    [InlineData(SynAck)]
    [InlineData(FinAck)]
    public void Before_the_answer_nothing_of_the_originator_fits_but_syn_and_reset(TcpFlags flags) =>
        Assert.Equal(TrackResult.InvalidState, Track(Client, Server, flags, _clientNext, 0));

    [Theory]
    [InlineData(Ack)]
    [InlineData(FinAck)]
    public void What_answers_a_syn_out_of_an_older_connection_passes_and_is_not_believed(TcpFlags flags)
    {
        Assert.Equal(TrackResult.Ignore, Track(Server, Client, flags, _serverNext, _clientNext + 777));
        Assert.Equal(TcpState.SynSent, (TcpState)_record.State);
        Assert.Equal(TrackResult.Ignore, Track(Client, Server, Rst, _clientNext + 777, 0));
        Assert.Equal(TcpState.SynSent, (TcpState)_record.State);
    }

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

    private void Forward(TcpFlags flags, TcpState expected)
    {
        Assert.Equal(TrackResult.Accept, Track(Client, Server, flags, _clientNext, _serverNext));
        if ((flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0) _clientNext++;
        Assert.Equal(expected, (TcpState)_record.State);
    }

    private void Reply(TcpFlags flags, TcpState expected)
    {
        Assert.Equal(TrackResult.Accept, Track(Server, Client, flags, _serverNext, _clientNext));
        if ((flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0) _serverNext++;
        Assert.Equal(expected, (TcpState)_record.State);
    }

    private TrackResult Track(string source, string destination, TcpFlags flags, uint sequence, uint acknowledgment)
    {
        byte[] packet = PacketBuilder.Tcp(source, destination, flags, sequence, acknowledgment);
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        return TcpTracker.Track(ref _record.Head, ref _record.Tail, info, packet, fromHigh: source == Server);
    }
}
