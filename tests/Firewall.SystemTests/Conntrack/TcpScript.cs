using System.Buffers.Binary;
using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Tests.Packets;

namespace Firewall.SystemTests.Conntrack;

/// <summary>
/// A TCP conversation drawn from a seed: two ends that open, talk and close in one of the ways that hosts do, over a network that loses
/// (before or behind the firewall), duplicates and reorders, with segments in between that do not belong there: other windows, flags and
/// numbers, resets near and far, ICMP errors.
/// </summary>
internal sealed class TcpScript
{
    private readonly Random _random;
    private readonly TcpEnd _client;
    private readonly TcpEnd _server;
    private readonly bool _isIPv6;
    private readonly List<TestPacket> _packets = [];
    private readonly List<TestPacket> _late = [];
    private readonly double _disorder;
    private readonly double _oddity;

    private TcpScript(Random random, bool isIPv6, int number)
    {
        _random = random;
        _isIPv6 = isIPv6;
        _disorder = random.NextDouble() * 0.2;
        _oddity = random.NextDouble() * 0.25;
        string outside = isIPv6 ? "[2001:db8::5]" : "203.0.113.5";
        string inside = isIPv6 ? "[fd00::4]" : "10.0.0.4";
        string port = string.Create(CultureInfo.InvariantCulture, $"{1024 + number % 60_000}");
        string known = random.Next(12) switch { 0 => "81", < 6 => "22", _ => "80" };
        bool startsInside = random.Next(3) == 0;
        _client = Draw(startsInside ? $"{inside}:{port}" : $"{outside}:{port}");
        _server = Draw(startsInside ? $"{outside}:{known}" : $"{inside}:{known}");
    }

    /// <summary>The packets of a conversation.</summary>
    /// <param name="random">Where its chances come from.</param>
    /// <param name="isIPv6">The family.</param>
    /// <param name="number">Gives the conversation ports of its own.</param>
    public static IReadOnlyList<TestPacket> Draw(Random random, bool isIPv6, int number)
    {
        var script = new TcpScript(random, isIPv6, number);
        script.Open();
        script.Talk(random.Next(30));
        script.Close();
        script.Talk(random.Next(6));
        if (random.Next(2) == 0)
        {
            // The same ports again, with numbers beyond the old ones, as of before, or any.
            script._client.First = script._random.Next(4) switch { 0 => script._client.First, 1 => script.Any(), _ => script._client.Next + (uint)random.Next(1, 100_000) };
            script._server.First = script.Any();
            script._client.HasHeard = script._server.HasHeard = script._client.HasClosed = script._server.HasClosed = false;
            if (random.Next(8) == 0) script.Handshake(script._server, script._client);
            else script.Open();
            script.Talk(random.Next(12));
            script.Close();
        }

        script._packets.AddRange(script._late);
        return script._packets;
    }

    private TcpEnd Draw(string endpoint) => new()
    {
        Endpoint = endpoint,
        First = Any(),
        Scale = _random.Next(4) == 0 ? -1 : _random.Next(0, 15),
        SackPermitted = _random.Next(3) > 0,
        Window = (ushort)(_random.Next(5) switch { 0 => _random.Next(1, 2_000), 1 => 1_024, _ => _random.Next(4_000, 65_536) }),
    };

    private uint Any() => _random.Next(4) == 0 ? uint.MaxValue - (uint)_random.Next(5_000) : (uint)_random.NextInt64();

    private TcpEnd Other(TcpEnd end) => ReferenceEquals(end, _client) ? _server : _client;

    private TcpEnd Either() => _random.Next(2) == 0 ? _client : _server;

    private void Open()
    {
        switch (_random.Next(12))
        {
            case 0: // simultaneous
                Begin(_client);
                Begin(_server);
                Send(_client, TcpFlags.Syn, _client.First, isDelivered: false);
                Send(_server, TcpFlags.Syn, _server.First, isDelivered: false);
                _client.HasHeard = _server.HasHeard = true;
                _client.Expected = _server.Next;
                _server.Expected = _client.Next;
                Send(_client, TcpFlags.Syn | TcpFlags.Ack, _client.First);
                Send(_server, TcpFlags.Syn | TcpFlags.Ack, _server.First);
                Acknowledge(_client);
                if (_random.Next(2) == 0) Acknowledge(_server);
                break;
            case 1: // an old SYN's answer comes first
                Begin(_client);
                Send(_client, TcpFlags.Syn, _client.First);
                Segment(_server, TcpFlags.Syn | TcpFlags.Ack, Any(), Any(), 0);
                Handshake(_client, _server);
                break;
            case 2: // refused
                Begin(_client);
                Send(_client, TcpFlags.Syn, _client.First, isDelivered: false);
                Segment(_server, TcpFlags.Rst | TcpFlags.Ack, 0, _client.Next - (_random.Next(4) == 0 ? 1u : 0), 0);
                if (_random.Next(2) == 0) Handshake(_client, _server);
                break;
            case 3: // the server still has an old connection
                Begin(_client);
                Send(_client, TcpFlags.Syn, _client.First, isDelivered: false);
                uint challenge = Any();
                Segment(_server, TcpFlags.Ack, Any(), challenge, 0);
                Segment(_client, TcpFlags.Rst, challenge, 0, 0);
                Handshake(_client, _server);
                break;
            case 4: // with data (RFC 7413)
                Begin(_client);
                int data = _random.Next(1, 1_400);
                Send(_client, TcpFlags.Syn, _client.First, data);
                _client.Next += (uint)data;
                Begin(_server);
                if (_random.Next(2) == 0) _server.Expected = _client.Next;
                Send(_server, TcpFlags.Syn | TcpFlags.Ack, _server.First, _random.Next(3) == 0 ? 100 : 0);
                Acknowledge(_client);
                break;
            case 5: // the middle of a connection
                Begin(_client);
                Begin(_server);
                _client.HasHeard = _server.HasHeard = true;
                _client.Expected = _server.Next;
                _server.Expected = _client.Next;
                _client.Acknowledged = _client.Next;
                _server.Acknowledged = _server.Next;
                break;
            case 6: // another number in the second SYN
                Begin(_client);
                Send(_client, TcpFlags.Syn, _client.First, isDelivered: false);
                _client.First += (uint)_random.Next(-200_000, 200_000);
                Handshake(_client, _server);
                break;
            default:
                Handshake(_client, _server);
                break;
        }
    }

    private static void Begin(TcpEnd end)
    {
        end.Next = end.First + 1;
        end.Acknowledged = end.First;
    }

    private void Handshake(TcpEnd opener, TcpEnd other)
    {
        Begin(opener);
        Send(opener, TcpFlags.Syn, opener.First);
        if (Chance(0.1)) Send(opener, TcpFlags.Syn, opener.First);
        opener.Expected = 0;
        Begin(other);
        other.HasHeard = true;
        other.Expected = opener.Next;
        Send(other, TcpFlags.Syn | TcpFlags.Ack, other.First);
        if (Chance(0.1)) Send(other, TcpFlags.Syn | TcpFlags.Ack, other.First);
        opener.HasHeard = true;
        opener.Expected = other.Next;
        opener.Acknowledged = opener.Next;
        Acknowledge(opener);
    }

    private void Talk(int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            TcpEnd end = Either();
            TcpEnd other = Other(end);
            switch (_random.Next(14))
            {
                case < 6 when !end.HasClosed:
                    int length = _random.Next(4) == 0 ? _random.Next(1, 20_000) : _random.Next(1, 1_461);
                    Send(end, TcpFlags.Ack | (Chance(0.5) ? TcpFlags.Psh : 0), end.Next, length);
                    end.Next += (uint)length;
                    break;
                case 6 when !end.HasClosed: // a window full
                    for (int n = 0; n < 5; n++)
                    {
                        Send(end, TcpFlags.Ack, end.Next, 1_460);
                        end.Next += 1_460;
                    }

                    break;
                case 7: // sent again
                    uint from = end.Acknowledged;
                    Send(end, TcpFlags.Ack, from, (int)Math.Min(1_460, end.Next - from));
                    break;
                case 8: // long acknowledged
                    Segment(end, TcpFlags.Ack, end.Next - (uint)_random.Next(1, 150_000), end.Expected, _random.Next(1_461));
                    break;
                case 9: // keepalive
                    Segment(end, TcpFlags.Ack, end.Next - 1, end.Expected, _random.Next(2));
                    Acknowledge(other);
                    break;
                case 10: // closes its window, and is probed
                    ushort window = end.Window;
                    end.Window = 0;
                    Acknowledge(end);
                    Send(other, TcpFlags.Ack, other.Next, 1, isDelivered: false);
                    end.Window = window;
                    Acknowledge(end);
                    break;
                default:
                    Acknowledge(end);
                    break;
            }

            if (Chance(_oddity)) DoOddThing();
        }
    }

    private void Close()
    {
        TcpEnd end = Either();
        TcpEnd other = Other(end);
        switch (_random.Next(6))
        {
            case 0:
                return;
            case 1:
                Send(end, TcpFlags.Rst | (Chance(0.5) ? TcpFlags.Ack : 0), end.Next);
                return;
            case 2: // half-closed
                Finish(end);
                Acknowledge(other);
                Talk(_random.Next(10));
                Finish(other);
                Acknowledge(end);
                return;
            case 3: // both at once
                Finish(end);
                Finish(other);
                Acknowledge(end);
                Acknowledge(other);
                return;
            default:
                Finish(end);
                if (Chance(0.5)) Acknowledge(other);
                Finish(other);
                if (Chance(0.2)) Send(other, TcpFlags.Fin | TcpFlags.Ack, other.Next - 1);
                Acknowledge(end);
                if (Chance(0.2)) Send(other, TcpFlags.Rst, other.Next);
                return;
        }
    }

    private void Finish(TcpEnd end)
    {
        if (end.HasClosed) return;
        Send(end, TcpFlags.Fin | TcpFlags.Ack, end.Next);
        end.Next++;
        end.HasClosed = true;
    }

    private void Acknowledge(TcpEnd end) => Send(end, TcpFlags.Ack, end.Next);

    private void DoOddThing()
    {
        TcpEnd end = Either();
        TcpEnd other = Other(end);
        uint near = (uint)_random.Next(-3_000, 3_000);
        uint far = (uint)_random.Next(-300_000, 300_000);
        switch (_random.Next(12))
        {
            case 0: Segment(end, TcpFlags.Rst | (Chance(0.5) ? TcpFlags.Ack : 0), other.Expected, end.Expected, 0); break;
            case 1: Segment(end, TcpFlags.Rst | (Chance(0.5) ? TcpFlags.Ack : 0), end.Next + near, end.Expected + (Chance(0.7) ? 0 : near), 0); break;
            case 2: Segment(end, TcpFlags.Rst | (Chance(0.5) ? TcpFlags.Ack : 0), Chance(0.3) ? 0 : end.Next + far, Chance(0.3) ? 0 : Any(), 0); break;
            case 3: Segment(end, TcpFlags.Syn, Chance(0.5) ? Any() : end.Next + near, 0, 0); break;
            case 4: Segment(end, TcpFlags.Syn | TcpFlags.Ack, Chance(0.5) ? Any() : end.First, Chance(0.5) ? Any() : end.Expected, 0); break;
            case 5: Segment(end, TcpFlags.Ack, end.Next + far, end.Expected, _random.Next(1_461)); break;
            case 6: Segment(end, TcpFlags.Ack, end.Next, end.Expected + far, _random.Next(2) * 100); break;
            case 7: Segment(end, (TcpFlags)_random.Next(256), end.Next, end.Expected, 0); break;
            case 8: Segment(end, TcpFlags.Fin | TcpFlags.Ack, end.Next + near, end.Expected, 0); break;
            case 9: Segment(end, TcpFlags.Ack, end.Next, end.Expected, 0, (ushort)_random.Next(65_536)); break;
            default: AddError(); break;
        }
    }

    private void AddError()
    {
        if (_packets.Count == 0) return;
        TestPacket about = _packets[^_random.Next(1, Math.Min(6, _packets.Count + 1))];
        _packets.Add(IcmpScript.Error(_random, about, _isIPv6));
    }

    // What an end of the conversation says: subject to the network, and heard by the other end if it gets through.
    private void Send(TcpEnd end, TcpFlags flags, uint sequence, int length = 0, bool isDelivered = true)
    {
        if (Chance(_disorder / 2)) return; // lost before the firewall
        bool isAck = (flags & TcpFlags.Ack) != 0;
        Segment(end, flags, sequence, isAck ? end.Expected : 0, length);
        if (!isDelivered || Chance(_disorder / 2)) return; // lost behind it
        TcpEnd other = Other(end);
        uint last = sequence + (uint)length + ((flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0 ? 1u : 0);
        if ((flags & TcpFlags.Syn) != 0)
        {
            other.Expected = last;
            other.Ahead = default;
            other.HasHeard = true;
        }
        else if (unchecked((int)(sequence - other.Expected)) <= 0)
        {
            if (unchecked((int)(last - other.Expected)) > 0) other.Expected = last;
            if (other.Ahead.Start == other.Expected) other.Expected = other.Ahead.End;
        }
        else
        {
            other.Ahead = (sequence, last);
        }

        if (isAck && unchecked((int)(end.Expected - other.Acknowledged)) > 0) other.Acknowledged = end.Expected;
    }

    private void Segment(TcpEnd end, TcpFlags flags, uint sequence, uint acknowledgment, int length, ushort? window = null)
    {
        TcpEnd other = Other(end);
        bool isSyn = (flags & TcpFlags.Syn) != 0;
        string text = string.Create(CultureInfo.InvariantCulture, $"{end.Endpoint} > {other.Endpoint} tcp {Letters(flags)} seq={sequence} ack={acknowledgment} win={window ?? end.Window} len={length}");
        byte[]? options = null;
        if (isSyn && end.Scale >= 0)
        {
            options = PacketBuilder.TcpOptions(1_460, (byte)end.Scale, end.SackPermitted);
            text += string.Create(CultureInfo.InvariantCulture, $" ws={end.Scale}{(end.SackPermitted ? "" : " (no SACK)")}");
        }
        else if (!isSyn && acknowledgment == end.Expected && end.SackPermitted && other.SackPermitted && end.HasGap)
        {
            options = [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0];
            BinaryPrimitives.WriteUInt32BigEndian(options.AsSpan(4), end.Ahead.Start);
            BinaryPrimitives.WriteUInt32BigEndian(options.AsSpan(8), end.Ahead.End);
            text += string.Create(CultureInfo.InvariantCulture, $" sackfrom={end.Ahead.Start} sackto={end.Ahead.End}");
        }

        byte[] bytes = PacketBuilder.Tcp(end.Endpoint, other.Endpoint, flags, sequence, acknowledgment, window ?? end.Window, length, options);
        Put(new TestPacket(bytes, IsOutside(end.Endpoint), text));
    }

    private void Put(TestPacket packet)
    {
        if (Chance(_disorder / 2))
        {
            _late.Add(packet);
            return;
        }

        _packets.Add(packet);
        if (Chance(_disorder / 4)) _packets.Add(packet);
        while (_late.Count > 0 && Chance(0.3))
        {
            _packets.Add(_late[0]);
            _late.RemoveAt(0);
        }
    }

    private bool Chance(double chance) => _random.NextDouble() < chance;

    public static bool IsOutside(string endpoint) =>
        endpoint.StartsWith("203.", StringComparison.Ordinal) || endpoint.StartsWith("[2001", StringComparison.Ordinal) || endpoint.StartsWith("2001", StringComparison.Ordinal);

    private static string Letters(TcpFlags flags)
    {
        const string Names = "FSRPAUEW";
        return flags == 0 ? "-" : string.Concat(Enumerable.Range(0, 8).Where(bit => ((int)flags >> bit & 1) != 0).Select(bit => Names[bit]));
    }
}
