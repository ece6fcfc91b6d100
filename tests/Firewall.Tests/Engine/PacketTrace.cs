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
/// them are <c>seq= ack= win= len= id=</c>, for a SYN <c>ws=</c> (window scale, with SACK permitted), and <c>sackfrom= sackto=</c>. After the arrow stand the access, the reason and, if wanted, the rule, the direction or a
/// malformed reason. <c>about</c> quotes an earlier line's packet by its number. <c>flows N</c> checks how many flows there are.
/// </summary>
internal sealed class PacketTrace : IDisposable
{
    private readonly RuleCatalog _catalog = new();
    private readonly Dictionary<string, Policy> _policies = [];
    private readonly FlowTable _flows;
    private readonly FirewallEngine _engine;
    private readonly List<byte[]> _sent = [];
    private Policy _policy;
    private uint _version;
    private long _now;

    public PacketTrace(int maxFlows = 1000, FlowTimeouts? timeouts = null)
        : this(new FlowLimits { MaxFlows = maxFlows, HalfOpenPercent = 100, AdaptiveStartPercent = 100 }, timeouts)
    {
    }

    public PacketTrace(FlowLimits limits, FlowTimeouts? timeouts = null)
    {
        _flows = new FlowTable(limits);
        _engine = new FirewallEngine(_flows, new FragmentTable(), new EngineOptions { Timeouts = timeouts ?? new FlowTimeouts() });
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
                default:
                    Send(number, line, words);
                    break;
            }
        }
    }

    public void Dispose() => _flows.Dispose();

    private void Send(int number, string line, string[] words)
    {
        double seconds = double.Parse(words[0].TrimStart('+'), CultureInfo.InvariantCulture);
        long time = (long)Math.Round(seconds * 1000);
        _now = words[0][0] == '+' ? _now + time : time;
        int arrow = Array.IndexOf(words, "=>");
        byte[] packet = Build(words[1], words[3], words.AsSpan(4, arrow - 4));
        _sent.Add(packet);
        _engine.Maintain(_now, 10_000);
        Verdict verdict = _engine.Inspect(packet, packet.Length, _policy, _now, out _);
        string actual = $"{verdict.Access} {verdict.Reason} {_catalog[verdict.Rule]?.FlowLogName ?? "-"} {verdict.Direction} {verdict.Malformed}";
        string[] actualWords = actual.Split(' ');
        foreach (string expected in words[(arrow + 1)..])
        {
            Assert.True(actualWords.Contains(expected), $"line {number}: {line}\n  but the verdict is: {actual}");
        }
    }

    private byte[] Build(string source, string destination, ReadOnlySpan<string> words)
    {
        switch (words[0])
        {
            case "tcp":
                return PacketBuilder.Tcp(
                    source, destination, FlagsOf(words[1]), (uint)Number(words, "seq", 1), (uint)Number(words, "ack", 0),
                    (ushort)Number(words, "win", 65_535), (int)Number(words, "len", 0), Options(words));
            case "udp":
                return PacketBuilder.Udp(source, destination, (int)Number(words, "len", 0));
            case "echo":
            case "reply":
                return PacketBuilder.IcmpEcho(source, destination, (ushort)Number(words, "id", 1), reply: words[0] == "reply");
            case "icmp":
                byte[] about = _sent[(int)Number(words, "about", 0) - 1];
                return PacketBuilder.IcmpError(source, destination, (byte)Number(words, "type", 3), (byte)Number(words, "code", 1), about);
            case "proto":
                return PacketBuilder.Ip(source, destination, byte.Parse(words[1], CultureInfo.InvariantCulture), new byte[16]);
            default:
                throw new FormatException($"'{words[0]}' is no packet of a trace");
        }
    }

    private static long Number(ReadOnlySpan<string> words, string name, long otherwise)
    {
        foreach (string word in words)
        {
            if (word.StartsWith(name + "=", StringComparison.Ordinal)) return long.Parse(word[(name.Length + 1)..], CultureInfo.InvariantCulture);
        }

        return otherwise;
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
