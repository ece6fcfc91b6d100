using Firewall.Core.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>What the host does about a segment that arrives: RFC 9293 section 3.10.7, in its order.</summary>
internal sealed partial class TcpHost
{
    private readonly List<Piece> _ahead = [];
    private uint _expected;
    private uint _edge;
    private uint _recentStamp;
    private uint _remoteStart;
    private int _peerShift;
    private int _unread;
    private int _unacknowledgedSegments;
    private bool _hasEnded;
    private (uint, uint)? _duplicate;

    /// <summary>Takes a segment from the network.</summary>
    public void Receive(TcpSegment segment)
    {
        switch (State)
        {
            case HostState.Closed:
                Refuse(segment);
                break;
            case HostState.Listen:
                ReceiveInListen(segment);
                break;
            case HostState.SynSent:
                ReceiveInSynSent(segment);
                break;
            default:
                ReceiveInConnection(segment);
                break;
        }
    }

    private void Refuse(TcpSegment segment)
    {
        if (segment.Has(TcpFlags.Rst)) return;
        bool acknowledges = segment.Has(TcpFlags.Ack);
        _transmit(new TcpSegment
        {
            Source = _local,
            Destination = _remote,
            Flags = acknowledges ? TcpFlags.Rst : TcpFlags.Rst | TcpFlags.Ack,
            Sequence = acknowledges ? segment.Acknowledgment : 0,
            Acknowledgment = acknowledges ? 0 : segment.End,
        });
    }

    private void ReceiveInListen(TcpSegment segment)
    {
        if (segment.Has(TcpFlags.Rst)) return;
        if (segment.Has(TcpFlags.Ack) || !segment.Has(TcpFlags.Syn))
        {
            if (segment.Has(TcpFlags.Ack)) Refuse(segment);
            return;
        }

        Forget();
        Start(_max == 0 ? (uint)_random.NextInt64() : NextInitialSequence());
        TakeSynOptions(segment);
        State = HostState.SynReceived;
        TakeSynData(segment);
        SendSyn();
    }

    private void ReceiveInSynSent(TcpSegment segment)
    {
        bool acknowledges = segment.Has(TcpFlags.Ack);
        if (acknowledges && (!After(segment.Acknowledgment, _first) || After(segment.Acknowledgment, _max)))
        {
            Refuse(segment);
            return;
        }

        if (segment.Has(TcpFlags.Rst))
        {
            if (acknowledges) Cut();
            return;
        }

        if (!segment.Has(TcpFlags.Syn)) return;
        TakeSynOptions(segment);
        if (!acknowledges)
        {
            State = HostState.SynReceived;
            _tries = 0;
            TakeSynData(segment);
            SendSyn();
            return;
        }

        _una = segment.Acknowledgment;
        _next = _una;
        TakeWindow(segment, force: true);
        _retransmission.Stop();
        State = HostState.Established;
        TakeSynData(segment);
        _edge = _expected + (uint)Math.Min(Traits.Buffer, 65_535);
        SendAck();
        Established();
    }

    private void TakeSynOptions(TcpSegment syn)
    {
        _peerScales = syn.Scale >= 0 && Traits.Scale >= 0;
        _peerShift = _peerScales ? syn.Scale : 0;
        _peerSacks = syn.SackPermitted;
        _hasTimestamps = Traits.Timestamps && syn.Timestamp is not null;
        _recentStamp = syn.Timestamp?.Value ?? 0;
        _segmentSize = Math.Min(Traits.MaximumSize, syn.MaximumSize == 0 ? 536 : syn.MaximumSize) - (_hasTimestamps ? 12 : 0);
        _expected = syn.Sequence + 1;
        _remoteStart = _expected;
    }

    private void TakeSynData(TcpSegment syn)
    {
        if (syn.Payload.Length == 0 || !Traits.FastOpen) return;
        Deliver(syn.Payload);
    }

    private void ReceiveInConnection(TcpSegment segment)
    {
        // Both have sent a SYN: the other's SYN/ACK is its SYN again, with the acknowledgment that is waited for.
        if (State == HostState.SynReceived && segment.Has(TcpFlags.Syn) && segment.Sequence + 1 == _remoteStart)
        {
            if (!segment.Has(TcpFlags.Ack))
            {
                SendSyn();
                return;
            }

            // The window of a SYN is not scaled.
            segment = segment with
            {
                Flags = segment.Flags & ~TcpFlags.Syn,
                Sequence = segment.Sequence + 1,
                Payload = [],
                Window = (ushort)(segment.Window >> _peerShift),
            };
        }

        if (State == HostState.TimeWait && segment.Has(TcpFlags.Syn) && !segment.Has(TcpFlags.Ack | TcpFlags.Rst) && IsNewer(segment))
        {
            _timeWait.Stop();
            State = HostState.Listen;
            ReceiveInListen(segment);
            return;
        }

        if (IsStale(segment) || !IsAcceptable(segment))
        {
            if (segment.Has(TcpFlags.Rst)) return;
            if (segment.Payload.Length > 0 && !After(segment.End, _expected)) _duplicate = (segment.Sequence, segment.End);

            // The probe of a closed window still acknowledges.
            bool isProbe = segment.Sequence == _expected && segment.Flags == TcpFlags.Ack && State != HostState.SynReceived;
            if (isProbe && ReceiveAcknowledgment(segment)) Output();
            Challenge();
            if (State == HostState.TimeWait && segment.Has(TcpFlags.Fin)) _timeWait.Start(Traits.TimeWait);
            return;
        }

        if (segment.Has(TcpFlags.Rst))
        {
            ReceiveReset(segment);
            return;
        }

        if (segment.Has(TcpFlags.Syn))
        {
            Challenge(); //, RFC 5961 section 4
            return;
        }

        if (!segment.Has(TcpFlags.Ack)) return;
        if (segment.Timestamp is (uint stamp, _) && !After(segment.Sequence, _expected) && After(stamp, _recentStamp)) _recentStamp = stamp;
        if (State == HostState.SynReceived)
        {
            if (!After(segment.Acknowledgment, _una) || After(segment.Acknowledgment, _max))
            {
                Refuse(segment);
                return;
            }

            _una = segment.Acknowledgment;
            _next = _una;
            _retransmission.Stop();
            TakeWindow(segment, force: true);
            Established();
        }
        else if (!ReceiveAcknowledgment(segment))
        {
            return;
        }

        if (State == HostState.TimeWait || State == HostState.Closed) return;
        TouchKeepalive();
        ReceiveData(segment);
        Output();
    }

    // A sequence number beyond the last, or a later timestamp (RFC 6191).
    private bool IsNewer(TcpSegment syn) =>
        syn.Timestamp is (uint stamp, _) && _hasTimestamps ? After(stamp, _recentStamp) : After(syn.Sequence, _expected);

    // PAWS, RFC 7323 section 5.
    private bool IsStale(TcpSegment segment) =>
        _hasTimestamps && !segment.Has(TcpFlags.Rst) && segment.Timestamp is (uint stamp, _) && After(_recentStamp, stamp);

    private bool IsAcceptable(TcpSegment segment)
    {
        uint window = After(_edge, _expected) ? _edge - _expected : 0;
        uint length = segment.Length;
        if (length == 0) return segment.Sequence - _expected < Math.Max(window, 2);
        if (window == 0) return false;
        return segment.Sequence - _expected < window || segment.End - 1 - _expected < window;
    }

    private void ReceiveReset(TcpSegment segment)
    {
        if (segment.Sequence != _expected)
        {
            Challenge(); //, RFC 5961 section 3
            return;
        }

        if (State == HostState.SynReceived && _isPassive)
        {
            Forget();
            WasCut = true;
            State = HostState.Listen;
            return;
        }

        if (State == HostState.TimeWait) return; // RFC 1337
        bool hadAll = HasReceivedAll;
        bool wasDone = State is HostState.LastAck or HostState.Closing;
        int received = Received;
        Cut();
        Received = received;
        HasReceivedAll = hadAll;
        WasCut = !(wasDone && hadAll);
    }

    private bool ReceiveAcknowledgment(TcpSegment segment)
    {
        uint ack = segment.Acknowledgment;
        if (After(ack, _max))
        {
            Challenge();
            return false;
        }

        if (After(ack, _una))
        {
            _una = ack;
            if (After(_una, _next)) _next = _una;
            _tries = 0;
            _duplicates = 0;
            _congestion = Math.Min(_congestion + _segmentSize, 1_000_000);
            _sacked.RemoveAll(block => !After(block.End, _una));
            if (_una == _max) _retransmission.Stop();
            else _retransmission.Start(Timeout);
            TakeWindow(segment, force: false);
            if (_una == DataEnd + 1) FinWasAcknowledged();
        }
        else
        {
            bool opened = TakeWindow(segment, force: false);
            bool isDuplicate = ack == _una && segment.Length == 0 && !opened && _una != _max;
            if (isDuplicate && ++_duplicates == 3)
            {
                _congestion = Math.Max(_congestion / 2, 2 * _segmentSize);
                uint resume = _next;
                _next = _una;
                SendAgain();
                if (After(resume, _next)) _next = resume;
            }
        }

        foreach ((uint start, uint end) in segment.Sack)
        {
            if (After(start, _una) && !After(end, _max) && !_sacked.Contains((start, end))) _sacked.Add((start, end));
        }

        return true;
    }

    private void SendAgain()
    {
        int length = Math.Min(Math.Min((int)(DataEnd - _una), _segmentSize), (int)_window);
        if (length > 0) SendData(length, finishes: false);
    }

    private void FinWasAcknowledged()
    {
        switch (State)
        {
            case HostState.FinWait1:
                State = HostState.FinWait2;
                break;
            case HostState.Closing:
                EnterTimeWait();
                break;
            case HostState.LastAck:
                StopTimers();
                State = HostState.Closed;
                break;
        }
    }

    private bool TakeWindow(TcpSegment segment, bool force)
    {
        bool isNew = force || After(segment.Sequence, _windowSequence)
            || (segment.Sequence == _windowSequence && !After(_windowAck, segment.Acknowledgment));
        if (!isNew) return false;
        uint window = segment.Has(TcpFlags.Syn) ? segment.Window : (uint)segment.Window << _peerShift;
        bool opened = window != _window;
        _window = window;
        _windowSequence = segment.Sequence;
        _windowAck = segment.Acknowledgment;
        if (opened && window > 0)
        {
            _persist.Stop();
            _tries = 0;
        }

        return opened;
    }

    private void ReceiveData(TcpSegment segment)
    {
        if (segment.Length == 0) return;
        if (_hasEnded)
        {
            SendAck();
            return;
        }

        bool isInOrder = !After(segment.Sequence, _expected);
        if (isInOrder)
        {
            Take(segment.Sequence, segment.Payload, segment.Has(TcpFlags.Fin));
            while (_ahead.FindIndex(piece => !After(piece.Start, _expected)) is int index && index >= 0)
            {
                Piece piece = _ahead[index];
                _ahead.RemoveAt(index);
                Take(piece.Start, piece.Bytes, piece.Ends);
            }
        }
        else if (_ahead.Count < 32 && !_ahead.Exists(piece => piece.Start == segment.Sequence && piece.End == segment.End))
        {
            _ahead.Insert(0, new Piece(segment.Sequence, segment.Payload, segment.Has(TcpFlags.Fin)));
        }

        if (!isInOrder || _ahead.Count > 0 || _hasEnded || !Traits.DelaysAcknowledgments || ++_unacknowledgedSegments >= 2) SendAck();
        else _delayedAck.StartIfIdle(40);
    }

    private void Take(uint sequence, byte[] payload, bool ends)
    {
        int skip = (int)(_expected - sequence);
        if (_hasEnded || skip > payload.Length || (skip == payload.Length && !ends)) return;

        // What lies beyond the promised window is not taken.
        int fits = Math.Min(payload.Length, (int)(_edge - sequence));
        if (fits > skip) Deliver(payload.AsSpan(skip, fits - skip));
        if (!ends || fits < payload.Length) return;
        _expected++;
        EndReached();
    }

    private void Deliver(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            byte right = ByteOf(_remote, Received);
            if (value != right) Corruption ??= $"{_local}: byte {Received} is {value}, not {right}";
            Received++;
        }

        _expected += (uint)bytes.Length;
        _unread += bytes.Length;
        bool pauses = _job.PauseEvery > 0 && (Received / _job.PauseEvery) != ((Received - bytes.Length) / _job.PauseEvery);
        if (pauses) _pause.StartIfIdle(_job.PauseFor);
        if (!_pause.IsRunning) _unread = 0;
    }

    private void ReadAll()
    {
        _unread = 0;
        if (State is HostState.Established or HostState.FinWait1 or HostState.FinWait2) SendAck(); // a window update
    }

    private void EndReached()
    {
        _hasEnded = true;
        HasReceivedAll = Received == _peer!._job.Bytes;
        if (!HasReceivedAll) Corruption ??= $"{_local}: the stream ended after {Received} of {_peer._job.Bytes} bytes";
        switch (State)
        {
            case HostState.SynReceived:
            case HostState.Established:
                State = HostState.CloseWait;
                break;
            case HostState.FinWait1:
                State = HostState.Closing;
                break;
            case HostState.FinWait2:
                SendAck();
                EnterTimeWait();
                break;
        }
    }

    private sealed record Piece(uint Start, byte[] Bytes, bool Ends)
    {
        public uint End => Start + (uint)Bytes.Length + (Ends ? 1u : 0);
    }
}
