using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// Runs a conversation written as a packet trace against the engine, with a clock that only the trace moves.
/// <code>
///   0.000   203.0.113.5:40000 > 10.0.0.4:22   tcp S                => Allow Rule UserRule_allow-ssh Inbound
///   +0.001  10.0.0.4:22 > 203.0.113.5:40000   tcp SA               => Allow Flow
///   rules   empty
///   +60     203.0.113.5 > 10.0.0.4            echo id=7            => Deny Rule
/// </code>
/// A time is in seconds, from the start or, with a plus, from the line before. Flags are tcpdump's letters (S A F R P U E W); words after
/// them are <c>seq= ack= win= len= id=</c> (a SYN/ACK without <c>ack=</c> acknowledges a SYN without <c>seq=</c>), for a SYN <c>ws=</c> (window scale, with SACK permitted), and <c>sackfrom= sackto=</c>. After the arrow stand the access, the reason and, if wanted, the rule, the direction or a
/// malformed reason. <c>about</c> quotes an earlier line's packet by its number, <c>quote=</c> bytes of it, <c>mtu=</c> being the next hop's; <c>badsum</c> spoils
/// the transport checksum. <c>flows N</c> checks how many flows there are.
/// <code>
///   0       203.0.113.5:1 > 10.0.0.4:53  udp len=2000 frag=7:1480+528  => Deny FragmentHeld
///   +0.001  203.0.113.5:1 > 10.0.0.4:53  udp len=2000 frag=7:0+1480    => Allow Rule | 1 Allow Fragment
///   wait    +5                                                         => | 3 Deny FragmentTimeout
/// </code>
/// <c>frag=ID:OFFSET+LENGTH</c> sends that part of the datagram, padded with zeros where it reaches beyond; it is the last one if it reaches
/// the end, unless <c>more</c> or <c>last</c> says otherwise. <c>text=N</c> is another payload; <c>before=</c> and <c>after=</c> are the IPv6
/// extension headers (<c>hop alert dst route ah longah</c>, with commas) around the fragment header. Each bar begins a packet that was held, by its number
/// (the first packet of the trace is 1), and its final verdict: all that are settled have to be named, in their order.
/// </summary>
internal sealed class PacketTrace : IDisposable
{
    private readonly RuleCatalog _catalog = new();
    private readonly Dictionary<string, Policy> _policies = [];
    private readonly FlowTable _flows;
    private readonly FirewallEngine _engine;
    private readonly List<byte[]> _sent = [];
    private readonly List<string> _settled = [];
    private Policy _policy;
    private uint _version;
    private long _now;

    public PacketTrace(int maxFlows = 1000, FlowTimeouts? timeouts = null)
        : this(new FlowLimits { MaxFlows = maxFlows, HalfOpenPercent = 100, AdaptiveStartPercent = 100 }, timeouts)
    {
    }

    public PacketTrace(FlowLimits limits, FlowTimeouts? timeouts = null, EngineOptions? options = null, FragmentTable? fragments = null)
    {
        _flows = new FlowTable(limits);
        _engine = new FirewallEngine(_flows, fragments ?? new FragmentTable(), options ?? new EngineOptions { Timeouts = timeouts ?? new FlowTimeouts() });
        _policy = Policy.DenyAll(_catalog);
    }

    public EngineCounters Counters => _engine.Counters;

    /// <summary>Names a policy that a <c>rules</c> line can switch to; the first one is the one to begin with.</summary>
    public PacketTrace With(string name, string rulesJson, PolicyOptions? options = null)
    {
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(rulesJson), name + ".json");
        Assert.False(file.HasErrors, string.Join('\n', file.Findings));
        CompileResult compiled = PolicyCompiler.Compile(file.Groups, options ?? new PolicyOptions(), _catalog, ++_version);
        Assert.NotNull(compiled.Policy);
        _policies.Add(name, compiled.Policy);
        if (_policies.Count == 1) _policy = compiled.Policy;
        return this;
    }

    public void Run(string trace)
    {
        int number = 0;
        foreach (string raw in trace.Split('\n'))
        {
            number++;
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            switch (words[0])
            {
                case "rules":
                    _policy = _policies[words[1]];
                    break;
                case "flows":
                    _engine.Maintain(_now, int.MaxValue);
                    Assert.True(_flows.Count == int.Parse(words[1], CultureInfo.InvariantCulture), $"line {number}: {line}\n  but there are {_flows.Count}");
                    break;
                case "wait":
                    _now = TimeOf(words[1]);
                    _engine.Maintain(_now, 10_000);
                    Check(number, line, "", words.AsSpan(Array.IndexOf(words, "=>") + 1));
                    break;
                default:
                    Send(number, line, words);
                    break;
            }
        }
    }

    public void Dispose() => _flows.Dispose();

    private void Send(int number, string line, string[] words)
    {
        _now = TimeOf(words[0]);
        int arrow = Array.IndexOf(words, "=>");
        ReadOnlySpan<string> description = words.AsSpan(4, arrow - 4);
        byte[] whole = Build(words[1], words[3], description);
        if (description.Contains("badsum")) SpoilChecksum(whole);
        byte[] packet = Cut(whole, description);
        byte[] before = [.. packet];
        _sent.Add(packet);
        _engine.Maintain(_now, 10_000);
        TakeSettled();
        Verdict verdict = _engine.Inspect(packet, packet.Length, _policy, _now, out _, _sent.Count);
        Assert.Equal(before, packet);
        Check(number, line, Text(verdict), words.AsSpan(arrow + 1));
    }

    private void Check(int number, string line, string verdict, ReadOnlySpan<string> expected)
    {
        TakeSettled();
        string[] parts = string.Join(' ', expected.ToArray()).Split('|');
        string all = string.Join(" | ", _settled.Prepend(verdict));
        Assert.True(parts.Length == _settled.Count + 1, $"line {number}: {line}\n  but the verdicts are: {all}");
        for (int i = 0; i < parts.Length; i++)
        {
            string[] actual = (i == 0 ? verdict : _settled[i - 1]).Split(' ');
            foreach (string word in parts[i].Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                Assert.True(actual.Contains(word), $"line {number}: {line}\n  but the verdicts are: {all}");
            }
        }

        _settled.Clear();
    }

    private void TakeSettled()
    {
        while (_engine.TryTakeSettled(out SettledFragment fragment))
        {
            _settled.Add($"{fragment.Number} {Text(fragment.Verdict)}");
            if (!fragment.Verdict.IsAllowed) continue;
            byte[] frame = new byte[fragment.FrameLength];
            fragment.CopyFrame(frame);
            Assert.Equal(_sent[(int)fragment.Number - 1], frame);
        }
    }

    private string Text(in Verdict verdict) =>
        $"{verdict.Access} {verdict.Reason} {_catalog[verdict.Rule]?.FlowLogName ?? "-"} {verdict.Direction} {verdict.Malformed}";

    private long TimeOf(string word)
    {
        long time = (long)Math.Round(double.Parse(word.TrimStart('+'), CultureInfo.InvariantCulture) * 1000);
        return word[0] == '+' ? _now + time : time;
    }

    private static byte[] Cut(byte[] packet, ReadOnlySpan<string> words)
    {
        string[] parts = Word(words, "frag").Split(':', '+');
        if (parts.Length != 3) return packet;
        int offset = int.Parse(parts[1], CultureInfo.InvariantCulture);
        int length = int.Parse(parts[2], CultureInfo.InvariantCulture);
        bool v4 = packet[0] >> 4 == 4;
        byte text = (byte)Number(words, "text", 0);
        for (int i = (v4 ? 20 : 40) + 20; text != 0 && i < packet.Length; i++) packet[i] += text;
        byte[] whole = v4 ? packet : PacketBuilder.WithExtensions(packet, Extensions(Word(words, "after")));
        bool more = words.Contains("more") || (!words.Contains("last") && offset + length < whole.Length - (v4 ? 20 : 40));
        uint id = uint.Parse(parts[0], CultureInfo.InvariantCulture);
        return PacketBuilder.Fragment(whole, offset, length, more, id, Extensions(Word(words, "before")));
    }

    private static (byte Type, byte[] Body)[] Extensions(string names) => [.. names.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(name => name switch
    {
        "hop" => ((byte)0, PacketBuilder.PaddingBody(8)),
        "alert" => ((byte)0, [0, 5, 2, 0, 0, 1, 0]),
        "dst" => ((byte)60, PacketBuilder.PaddingBody(16)),
        "ah" => ((byte)51, [1, .. new byte[10]]),
        "longah" => ((byte)51, [200, .. new byte[806]]),
        "route" => ((byte)43, [2, 2, .. new byte[21]]),
        _ => throw new FormatException($"'{name}' is no extension header of a trace"),
    })];

    // An IPv4 header without options or an IPv6 header without extensions, and behind it TCP, UDP or ICMP.
    private static void SpoilChecksum(byte[] packet)
    {
        bool v4 = packet[0] >> 4 == 4;
        int place = (v4 ? packet[9] : packet[6]) switch { IpProtocol.Tcp => 16, IpProtocol.Udp => 6, _ => 2 };
        packet[(v4 ? 20 : 40) + place] ^= 0x55;
    }

    private static string Word(ReadOnlySpan<string> words, string name)
    {
        foreach (string word in words)
        {
            if (word.StartsWith(name + "=", StringComparison.Ordinal)) return word[(name.Length + 1)..];
        }

        return "";
    }

    private byte[] Build(string source, string destination, ReadOnlySpan<string> words)
    {
        switch (words[0])
        {
            case "tcp":
                TcpFlags flags = FlagsOf(words[1]);
                bool isSynAck = (flags & (TcpFlags.Syn | TcpFlags.Ack)) == (TcpFlags.Syn | TcpFlags.Ack);
                return PacketBuilder.Tcp(
                    source, destination, flags, (uint)Number(words, "seq", 1), (uint)Number(words, "ack", isSynAck ? 2 : 0),
                    (ushort)Number(words, "win", 65_535), (int)Number(words, "len", 0), Options(words));
            case "udp":
                return PacketBuilder.Udp(source, destination, (int)Number(words, "len", 0));
            case "echo":
            case "reply":
                return PacketBuilder.IcmpEcho(source, destination, (ushort)Number(words, "id", 1), reply: words[0] == "reply", payload: (int)Number(words, "len", 0));
            case "icmp":
                byte[] about = _sent[(int)Number(words, "about", 0) - 1];
                return PacketBuilder.IcmpError(source, destination, (byte)Number(words, "type", 3), (byte)Number(words, "code", 1), about,
                    (int)Number(words, "quote", -1), (uint)Number(words, "mtu", 0));
            case "proto":
                return PacketBuilder.Ip(source, destination, byte.Parse(words[1], CultureInfo.InvariantCulture), new byte[16]);
            default:
                throw new FormatException($"'{words[0]}' is no packet of a trace");
        }
    }

    private static long Number(ReadOnlySpan<string> words, string name, long otherwise)
    {
        string word = Word(words, name);
        return word.Length == 0 ? otherwise : long.Parse(word, CultureInfo.InvariantCulture);
    }

    private static byte[]? Options(ReadOnlySpan<string> words)
    {
        long scale = Number(words, "ws", -1);
        long left = Number(words, "sackfrom", -1);
        if (left < 0) return scale < 0 ? null : PacketBuilder.TcpOptions(1460, (byte)scale, sackPermitted: true);
        byte[] sack = [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(sack.AsSpan(4), (uint)left);
        BinaryPrimitives.WriteUInt32BigEndian(sack.AsSpan(8), (uint)Number(words, "sackto", 0));
        return sack;
    }

    private static TcpFlags FlagsOf(string letters)
    {
        var flags = TcpFlags.None;
        foreach (char letter in letters)
        {
            flags |= letter switch
            {
                'S' => TcpFlags.Syn,
                'A' => TcpFlags.Ack,
                'F' => TcpFlags.Fin,
                'R' => TcpFlags.Rst,
                'P' => TcpFlags.Psh,
                'U' => TcpFlags.Urg,
                'E' => TcpFlags.Ece,
                'W' => TcpFlags.Cwr,
                '-' => TcpFlags.None,
                _ => throw new FormatException($"'{letter}' is no TCP flag"),
            };
        }

        return flags;
    }
}
