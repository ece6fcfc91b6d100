using System.Buffers.Binary;
using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Linux;

namespace Firewall.SystemTests.Flows;

/// <summary>
/// A process that opens, uses and ends flows in a mapped table as fast as it can, to be killed in the midst of it. Every packet is equally
/// long and the rule follows from the port, so that a reader can tell whether a record is whole: see <see cref="Fault"/>.
/// </summary>
internal static class FlowChurn
{
    public const int Clients = 4096;
    public const ushort FirstPort = 53;
    public const ushort LastPort = 54;
    private const int PacketLength = 28 + 72;

    public static readonly Guid Boot = new("11112222-3333-4444-5555-666677778888");
    public static readonly FlowLimits Limits = new() { MaxFlows = 2000, HalfOpenPercent = 100, MaxFlowsPerSource = 0 };

    /// <summary>Churns until the process is killed.</summary>
    public static void Run(string path, int seed)
    {
        using FlowTableFile file = FlowTableFile.Create(path, FlowTable.LengthFor(Limits, 1));
        using var table = new FlowTable(Limits, 1, file.Region, Boot);
        file.Publish();
        Policy policy = Compile();
        var engine = new FirewallEngine(table, new FragmentTable(), new EngineOptions());
        var random = new Random(seed);
        long now = 1_000;
        Console.WriteLine("ready");
        while (true)
        {
            byte[] packet = Packet(random.Next(Clients), (ushort)random.Next(FirstPort, LastPort + 1), isReply: random.Next(2) == 0);
            engine.Maintain(now, 64);
            engine.Inspect(packet, packet.Length, policy, now, out _);
            if (random.Next(50) == 0) now += random.Next(2_000); // some expire, and the table is never full for long
        }
    }

    /// <summary>The key of a client's flow.</summary>
    public static FlowKey Key(int client, ushort port) =>
        FlowKey.Order(IpAddress.FromIPv4(0xCB00_0000u + (uint)client), (ushort)(10_000 + client), IpAddress.FromIPv4(0x0A00_0004), port, IpProtocol.Udp, out _);

    /// <summary>What is not whole about a record; null if it is as the churn makes them.</summary>
    public static string? Fault(in FlowRecord record, RuleCatalog catalog)
    {
        ushort port = record.LowPort is FirstPort or LastPort ? record.LowPort : record.HighPort;
        if (catalog[record.Rule]?.Name != $"port-{port}") return $"rule {record.Rule} at port {port}";
        if (record.ForwardBytes != (ulong)record.ForwardPackets * PacketLength) return $"{record.ForwardBytes} bytes in {record.ForwardPackets} packets";
        return record.ReplyBytes != (ulong)record.ReplyPackets * PacketLength ? $"{record.ReplyBytes} bytes in {record.ReplyPackets} replies" : null;
    }

    /// <summary>The policy, whose rules are numbered in the same way each time.</summary>
    public static Policy Compile()
    {
        string rules = string.Join(',', Enumerable.Range(FirstPort, LastPort - FirstPort + 1).Select(port => $$"""
            { "name": "port-{{port}}", "properties": { "priority": {{100 + port}}, "direction": "Inbound", "access": "Allow", "protocol": "Udp",
              "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "{{port}}" } }
            """)
            .Append("""
            { "name": "none-opened-from-inside", "properties": { "priority": 100, "direction": "Outbound", "access": "Deny", "protocol": "*",
              "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } }
            """));
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes($$"""{ "name": "nsg", "properties": { "securityRules": [ {{rules}} ] } }"""), "nsg.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;
    }

    private static byte[] Packet(int client, ushort port, bool isReply)
    {
        byte[] packet = new byte[PacketLength];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), PacketLength);
        packet[8] = 64;
        packet[9] = IpProtocol.Udp;
        uint outside = 0xCB00_0000u + (uint)client;
        const uint inside = 0x0A00_0004;
        ushort clientPort = (ushort)(10_000 + client);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(12), isReply ? inside : outside);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(16), isReply ? outside : inside);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(20), isReply ? port : clientPort);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(22), isReply ? clientPort : port);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(24), PacketLength - 20);
        return packet;
    }
}
