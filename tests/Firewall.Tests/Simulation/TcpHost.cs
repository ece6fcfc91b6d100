using Firewall.Core.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>The states of RFC 9293 section 3.3.2.</summary>
internal enum HostState
{
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

/// <summary>
/// One end of a TCP connection, small but honest: RFC 9293 with the blind-attack defences of RFC 5961, window scaling, timestamps,
/// selective acknowledgments, retransmission, zero-window probes and keepalives. It has one local and one remote endpoint, and may use
/// them for one connection after the other.
/// </summary>
internal sealed partial class TcpHost
{
    private const int FirstTimeout = 300;
    private const int LongestTimeout = 4_000;
    private const int ProbesBeforeGivingUp = 8;

    private readonly SimulatedTime _time;
    private readonly Random _random;
    private readonly Action<TcpSegment> _transmit;
    private readonly SimulatedTimer _retransmission;
    private readonly SimulatedTimer _persist;
    private readonly SimulatedTimer _delayedAck;
    private readonly SimulatedTimer _keepalive;
    private readonly SimulatedTimer _timeWait;
    private readonly SimulatedTimer _pause;
    private readonly SimulatedTimer _silence;
    private readonly SimulatedTimer _abort;
    private readonly string _local;
    private readonly string _remote;
    private HostJob _job = new();
    private TcpHost? _peer;
    private bool _isPassive;
    private bool _peerScales;
    private bool _peerSacks;
    private bool _hasTimestamps;

    public TcpHost(SimulatedTime time, Random random, string local, string remote, HostTraits traits, Action<TcpSegment> transmit)
    {
        _time = time;
        _random = random;
        _local = local;
        _remote = remote;
        Traits = traits;
        _transmit = transmit;
        _retransmission = time.Timer(Retransmit);
        _persist = time.Timer(ProbeWindow);
        _delayedAck = time.Timer(SendAck);
        _keepalive = time.Timer(ProbeLife);
        _timeWait = time.Timer(() => State = HostState.Closed);
        _pause = time.Timer(ReadAll);
        _silence = time.Timer(() =>
        {
            _given = _job.Bytes;
            Output();
        });
        _abort = time.Timer(Abort);
    }

    public HostTraits Traits { get; }

    public HostState State { get; private set; }

    /// <summary>Bytes of the other end that the application got, in order and unspoiled.</summary>
    public int Received { get; private set; }

    /// <summary>True if every byte and the end of the stream came in.</summary>
    public bool HasReceivedAll { get; private set; }

    /// <summary>True if the connection ended by a RST, sent or received, or by giving up.</summary>
    public bool WasCut { get; private set; }

    /// <summary>True if a connection was begun since the host was told to listen or to connect.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>What is wrong with the bytes that came in, if anything.</summary>
    public string? Corruption { get; private set; }

    /// <summary>True while there is no connection that anything could be done with.</summary>
    public bool IsAtRest => State is HostState.Closed or HostState.Listen or HostState.TimeWait;

    /// <summary>True while it takes part in a connection that the other end has agreed to and that is not being closed from both ends.</summary>
    public bool IsConnected => State is >= HostState.Established and <= HostState.CloseWait;

    /// <summary>True if a SYN/ACK answers an older SYN than the one it sent last.</summary>
    public bool IsOldAnswer(TcpSegment synAck) => synAck.Acknowledgment - 1 - _first > 1_500;

    /// <summary>Waits for the other end.</summary>
    public void Listen(HostJob job, TcpHost peer)
    {
        Forget();
        WasCut = false;
        HasBegun = false;
        _job = job;
        _peer = peer;
        _isPassive = true;
        if (State != HostState.TimeWait) State = HostState.Listen;
    }

    /// <summary>Listens no more; what comes is refused until it connects.</summary>
    public void Close()
    {
        if (State == HostState.Listen) State = HostState.Closed;
    }

    /// <summary>Is switched off: says nothing and knows nothing any more.</summary>
    public void Vanish()
    {
        if (IsAtRest) return;
        Cut();
    }

    /// <summary>Connects.</summary>
    /// <param name="job">What the application does.</param>
    /// <param name="peer">The other end; only its job is looked at, to know which bytes are right.</param>
    /// <param name="sequence">The initial sequence number.</param>
    public void Connect(HostJob job, TcpHost peer, uint sequence)
    {
        Forget();
        WasCut = false;
        _timeWait.Stop();
        _job = job;
        _peer = peer;
        _isPassive = false;
        Start(sequence);
        State = HostState.SynSent;
        SendSyn();
    }

    /// <summary>An initial sequence number for the next connection on these endpoints: beyond all that the last one used (RFC 6528).</summary>
    public uint NextInitialSequence() => _max + (uint)_random.Next(70_000, 10_000_000);

    private void Forget()
    {
        Received = 0;
        HasReceivedAll = false;
        _ahead.Clear();
        _sacked.Clear();
        _hasEnded = false;
        _unread = 0;
        _tries = 0;
        _probes = 0;
        _pause.Stop();
        StopTimers();
    }

    private void Start(uint sequence)
    {
        HasBegun = true;
        _first = sequence;
        _una = sequence;
        _next = sequence;
        _max = sequence;
        _window = 0;
        _given = _job.Silence > 0 ? _job.Bytes / 2 : _job.Bytes;
        _congestion = 10 * Traits.MaximumSize;
        _segmentSize = Traits.MaximumSize;
        _hasTimestamps = Traits.Timestamps;
        _peerScales = false;
        _peerSacks = false;
        if (_job.Silence > 0) _silence.Start(_job.Silence);
        if (_job.AbortAfter > 0) _abort.Start(_job.AbortAfter);
    }

    private void Established()
    {
        State = HostState.Established;
        _tries = 0;
        TouchKeepalive();
        Output();
    }

    private void Abort()
    {
        if (IsAtRest) return;
        if (State != HostState.SynSent) Send(TcpFlags.Rst | TcpFlags.Ack, _max, []);
        Cut();
    }

    private void Cut()
    {
        Forget();
        WasCut = true;
        State = HostState.Closed;
    }

    private void EnterTimeWait()
    {
        StopTimers();
        State = HostState.TimeWait;
        _timeWait.Start(Traits.TimeWait);
    }

    private void StopTimers()
    {
        foreach (SimulatedTimer timer in (SimulatedTimer[])[_retransmission, _persist, _delayedAck, _keepalive, _silence, _abort]) timer.Stop();
    }

    private void TouchKeepalive()
    {
        _probes = 0;
        if (Traits.Keepalive > 0 && State >= HostState.Established) _keepalive.Start(Traits.Keepalive);
    }

    private void ProbeLife()
    {
        if (State is < HostState.Established or HostState.TimeWait) return;
        if (++_probes > ProbesBeforeGivingUp)
        {
            Cut();
            return;
        }

        if (_una == _max) Send(TcpFlags.Ack, _una - 1, Traits.KeepaliveWithByte && HasSentData ? [ByteAt(_una - 1)] : []);
        _keepalive.Start(_probes > 0 ? 2_000 : Traits.Keepalive);
    }
}
