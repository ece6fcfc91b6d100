using System.Globalization;
using Firewall.Core.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>
/// Somebody who sees nothing of the conversations but knows their ports: sprays resets and SYNs at them, floods the open port from random
/// sources, and sends segments that belong to nothing.
/// </summary>
internal sealed class Attacker(SimulatedTime time, Random random, SimulatedFirewall firewall, IReadOnlyList<Conversation> conversations)
{
    public void Begin() => time.After(random.Next(1, 500), Act);

    private void Act()
    {
        if (conversations.All(static conversation => conversation.IsOver)) return;
        for (int i = 0; i < 4; i++) Flood();
        Conversation victim = conversations[random.Next(conversations.Count)];
        bool fromOutside = random.Next(2) == 0;
        victim.Attack(new TcpSegment
        {
            Source = fromOutside ? victim.OutsideEndpoint : victim.InsideEndpoint,
            Destination = fromOutside ? victim.InsideEndpoint : victim.OutsideEndpoint,
            Flags = random.Next(3) switch { 0 => TcpFlags.Rst, 1 => TcpFlags.Rst | TcpFlags.Ack, _ => TcpFlags.Syn },
            Sequence = (uint)random.NextInt64(),
            Acknowledgment = (uint)random.NextInt64(),
            Window = 1_000,
            MaximumSize = 1_460,
        });
        time.After(random.Next(1, 2_000), Act);
    }

    private void Flood()
    {
        TcpFlags flags = random.Next(4) switch { 0 => TcpFlags.Ack, 1 => TcpFlags.Rst, 2 => TcpFlags.Syn | TcpFlags.Ack, _ => TcpFlags.Syn };
        var segment = new TcpSegment
        {
            Source = string.Create(CultureInfo.InvariantCulture, $"203.1.{random.Next(256)}.{random.Next(256)}:{random.Next(1, 65_536)}"),
            Destination = random.Next(4) == 0 ? "10.0.0.4:23" : "10.0.0.4:22",
            Flags = flags,
            Sequence = (uint)random.NextInt64(),
            Acknowledgment = (uint)random.NextInt64(),
        };
        bool isAllowed = firewall.Inspect(segment.ToPacket(), out _, out FlowSnapshot before).IsAllowed;
        bool mayPass = before.State != Core.Flows.TcpState.None || (flags == TcpFlags.Syn && segment.Destination == "10.0.0.4:22");
        if (isAllowed && !mayPass) throw new InvariantException($"it passed: {segment}");
    }
}
