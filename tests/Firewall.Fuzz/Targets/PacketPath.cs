using System.Buffers.Binary;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Memory;

namespace Firewall.Fuzz.Targets;

/// <summary>
/// The packet path with everything on it: parser, fragments, flow table, rules, replies. The input is a sequence of packets, each behind
/// two bytes of length and one byte that says how much time has passed. What must hold: no exception, a verdict for each packet, what
/// leaves is what came (or a reply that our own parser takes), no more flows than the table's maximum, and none a day later, which is how
/// one input leaves nothing to the next: making the tables anew would take a hundred times as long.
/// </summary>
internal static class PacketPath
{
    private const int MostPackets = 200;
    private const int MostFlows = 16;

    private const string Rules = """
        { "name": "nsg", "properties": { "securityRules": [
          { "name": "ssh", "properties": { "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22" } },
          { "name": "dns", "properties": { "priority": 110, "direction": "Inbound", "access": "Allow", "protocol": "Udp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "53" } },
          { "name": "icmp", "properties": { "priority": 120, "direction": "Inbound", "access": "Allow", "protocol": "Icmp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } } ] } }
        """;

    private const int IdleTurns = 16;
    private const long Day = 24 * 3600 * 1000;

    private static readonly Policy Policy = Compile();
    private static readonly MemoryDevice Device = new();
    private static readonly FlowTable Flows = new(new FlowLimits { MaxFlows = MostFlows });
    private static readonly EventRing<DropEvent> Drops = new(256);
    private static readonly FirewallEngine Engine = new(Flows, new FragmentTable(), new EngineOptions(), Drops);
    private static readonly PacketWorker Worker = new(Device[0], Engine) { Reject = true };
    private static long s_now = Day;

    public static void Run(byte[] input)
    {
        long before = Engine.Counters.AllowedPackets + Engine.Counters.DeniedPackets;
        int packets = 0;
        ReadOnlySpan<byte> rest = input;
        while (rest.Length >= 3 && packets < MostPackets)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(rest), rest.Length - 3);
            s_now += rest[2] < 128 ? rest[2] : (rest[2] - 127) * 1000L;
            Device[0].Inject(rest.Slice(3, length));
            rest = rest[(3 + length)..];
            packets++;
            Turn();
            BrokenException.Unless(Flows.Count is >= 0 and <= MostFlows, "the table is within its maximum");
        }

        // An idle turn does a part of the upkeep; so long after the last packet all of it takes a few.
        s_now += Day;
        for (int i = 0; i < IdleTurns; i++) Turn();
        BrokenException.Unless(Flows.Count == 0, "every flow ends");
        long judged = Engine.Counters.AllowedPackets + Engine.Counters.DeniedPackets - before;
        BrokenException.Unless(judged == packets, $"one verdict for each packet: {judged} for {packets}");
        foreach (byte[] written in Device[0].TakeWritten())
        {
            MalformedReason fault = PacketParser.Parse(written, written.Length, out _);
            BrokenException.Unless(fault == MalformedReason.None, $"nothing malformed leaves: {fault}");
        }
    }

    private static void Turn()
    {
        BrokenException.Unless(Worker.Receive(0), "the queue ended");
        Worker.Process(Policy, s_now);
        while (Drops.TryTake(out DropEvent drop)) BrokenException.Unless(Enum.IsDefined(drop.Verdict.Reason), "a drop has a reason");
    }

    private static Policy Compile()
    {
        RuleFile file = NsgReader.Read(System.Text.Encoding.UTF8.GetBytes(Rules), "nsg.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy ?? throw new BrokenException("these rules compile");
    }
}
