using Firewall.Core.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>What the host sends: data within window and congestion, again if need be, probes and acknowledgments.</summary>
internal sealed partial class TcpHost
{
    private readonly List<(uint Start, uint End)> _sacked = [];
    private uint _first;
    private uint _una;
    private uint _next;
    private uint _max;
    private uint _window;
    private uint _windowSequence;
    private uint _windowAck;
    private int _given;
    private int _congestion;
    private int _segmentSize;
    private int _tries;
    private int _probes;
    private int _duplicates;
    private long _challengeSecond;
    private int _challenges;

    private uint DataStart => _first + 1;

    private uint DataEnd => DataStart + (uint)_given;

    private bool HasSentData => After(_una - 1, _first);

    // The FIN comes behind the last byte, once the application wants no more.
    private bool WantsToClose => _given == _job.Bytes && (!_job.ClosesLast || _hasEnded);

    private static bool After(uint left, uint right) => unchecked((int)(left - right)) > 0;

    /// <summary>The byte at that place of a host's stream: different for every host and place, so that a misplaced byte is seen.</summary>
    private byte ByteAt(uint sequence) => ByteOf(_local, (int)(sequence - DataStart));

    private static byte ByteOf(string local, int offset) => (byte)((offset * 31) ^ (offset >> 8) ^ local[^1] ^ local[0]);

    private byte[] Bytes(uint sequence, int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = ByteAt(sequence + (uint)i);
        return bytes;
    }

    private void SendSyn()
    {
        bool answers = State == HostState.SynReceived;
        byte[] payload = [];
        if (Traits.FastOpen && !answers && _tries == 0)
        {
            payload = Bytes(DataStart, Math.Min(_given, 400));
        }

        var syn = new TcpSegment
        {
            Source = _local,
            Destination = _remote,
            Flags = answers ? TcpFlags.Syn | TcpFlags.Ack : TcpFlags.Syn,
            Sequence = _first,
            Acknowledgment = answers ? _expected : 0,
            Window = (ushort)Math.Min(Traits.Buffer, 65_535),
            Payload = payload,
            MaximumSize = (ushort)Traits.MaximumSize,
            Scale = answers && !_peerScales ? -1 : Traits.Scale,
            SackPermitted = Traits.Sack && (!answers || _peerSacks),
            Timestamp = _hasTimestamps ? (Stamp, answers ? _recentStamp : 0) : null,
        };
        _next = syn.End;
        if (After(_next, _max)) _max = _next;
        if (answers) _edge = _expected + syn.Window;
        _retransmission.Start(Timeout);
        _transmit(syn);
    }

    private int Timeout => Math.Min(FirstTimeout << Math.Min(_tries, 8), LongestTimeout);

    private uint Stamp => (uint)_time.Now + 0xFFFF_F000;

    /// <summary>Sends what may be sent now.</summary>
    private void Output()
    {
        if (State is not (HostState.Established or HostState.CloseWait or HostState.FinWait1 or HostState.Closing or HostState.LastAck)) return;
        while (true)
        {
            SkipSacked();
            int rest = (int)(DataEnd - _next);
            if (rest < 0) break;
            int room = (int)(_una + Math.Min(_window, (uint)_congestion) - _next);
            int length = Math.Max(0, Math.Min(Math.Min(rest, room), _segmentSize));
            foreach ((uint start, _) in _sacked)
            {
                if (After(start, _next)) length = Math.Min(length, (int)(start - _next));
            }

            bool finishes = WantsToClose && length == rest && (room > length || (Traits.FinIgnoresWindow && room >= length));
            if (length == 0 && !finishes) break;

            // No silly windows (RFC 9293 section 3.8.6.2.1).
            if (length < rest && length < _segmentSize && _next != _una && _sacked.Count == 0) break;
            SendData(length, finishes);
        }

        bool isPending = After(DataEnd, _una) || (WantsToClose && State is HostState.Established or HostState.CloseWait);
        if (_una == _max && isPending) _persist.StartIfIdle(Timeout);
        else if (_una != _max) _retransmission.StartIfIdle(Timeout);
    }

    private void SendData(int length, bool finishes)
    {
        TcpFlags flags = TcpFlags.Ack | (length > 0 ? TcpFlags.Psh : 0) | (finishes ? TcpFlags.Fin : 0);
        uint sequence = _next;
        _next += (uint)length + (finishes ? 1u : 0);
        if (After(_next, _max)) _max = _next;
        if (finishes)
        {
            if (State == HostState.Established) State = HostState.FinWait1;
            else if (State == HostState.CloseWait) State = HostState.LastAck;
        }

        Send(flags, sequence, Bytes(sequence, length));
    }

    private void SkipSacked()
    {
        foreach ((uint start, uint end) in _sacked)
        {
            if (!After(start, _next) && After(end, _next)) _next = end;
        }
    }

    private void Retransmit()
    {
        if (IsAtRest) return;
        if (++_tries > 40)
        {
            Cut();
            return;
        }

        if (State is HostState.SynSent or HostState.SynReceived)
        {
            SendSyn();
            return;
        }

        if (_una == _max) return;
        _congestion = _segmentSize;
        _sacked.Clear(); // the receiver may have thrown them away (RFC 2018 section 8)
        _next = _una;
        Output();
        if (_next == _una) ProbeWindow();
        _retransmission.StartIfIdle(Timeout);
    }

    /// <summary>Asks a receiver with a closed window how it is (RFC 9293 section 3.8.6.1).</summary>
    private void ProbeWindow()
    {
        if (State is not (HostState.Established or HostState.CloseWait or HostState.FinWait1 or HostState.Closing or HostState.LastAck)) return;
        _tries++;
        if (Traits.ProbesWithByte && After(DataEnd, _una))
        {
            if (After(_una + 1, _max)) _max = _una + 1;
            Send(TcpFlags.Ack, _una, Bytes(_una, 1));
        }
        else
        {
            Send(TcpFlags.Ack, _una - 1, []);
        }

        _persist.Start(Timeout);
    }

    private void SendAck() => Send(TcpFlags.Ack, _max, []);

    // An acknowledgment of something that does not fit: a few in a second, or two hosts that disagree would talk for ever (RFC 5961 section 7).
    private void Challenge()
    {
        if (_time.Now / 1000 != _challengeSecond)
        {
            _challengeSecond = _time.Now / 1000;
            _challenges = 0;
        }

        if (_challenges++ < 10) SendAck();
    }

    private void Send(TcpFlags flags, uint sequence, byte[] payload)
    {
        if ((flags & TcpFlags.Ack) != 0) _delayedAck.Stop();
        _unacknowledgedSegments = 0;
        _transmit(new TcpSegment
        {
            Source = _local,
            Destination = _remote,
            Flags = flags,
            Sequence = sequence,
            Acknowledgment = _expected,
            Window = Advertise(),
            Payload = payload,
            Timestamp = _hasTimestamps ? (Stamp, _recentStamp) : null,
            Sack = SackBlocks(),
        });
    }

    /// <summary>The window field: what is free in the buffer, and never less than was promised (RFC 9293 section 3.8.6.2.2).</summary>
    private ushort Advertise()
    {
        int shift = _peerScales && Traits.Scale > 0 ? Traits.Scale : 0;
        uint free = (uint)Math.Max(0, Traits.Buffer - _unread);
        uint promised = After(_edge, _expected) ? _edge - _expected : 0;
        bool isWorthIt = free >= promised + Math.Min((uint)_segmentSize, (uint)Traits.Buffer / 2);
        uint window = isWorthIt ? free : promised;
        uint field = window >> shift;
        if (field << shift < promised) field++;
        field = Math.Min(field, 65_535);
        if (After(_expected + (field << shift), _edge)) _edge = _expected + (field << shift);
        return (ushort)field;
    }

    private List<(uint, uint)> SackBlocks()
    {
        var blocks = new List<(uint, uint)>();
        if (!_peerSacks || !Traits.Sack) return blocks;
        int most = _hasTimestamps ? 3 : 4;
        if (_duplicate is (uint, uint) duplicate) blocks.Add(duplicate);
        _duplicate = null;
        foreach (Piece piece in _ahead)
        {
            if (blocks.Count < most) blocks.Add((piece.Start, piece.End));
        }

        return blocks;
    }
}
