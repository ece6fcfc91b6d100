using Firewall.Core.Packets;

namespace Firewall.Core.Engine;

/// <summary>A denied packet, as told to those who watch: fixed size, no reference to the packet.</summary>
/// <param name="Time">Milliseconds, the engine's clock.</param>
/// <param name="Verdict">What was decided and why.</param>
/// <param name="Packet">The parsed descriptor; of a malformed packet as much as could be read.</param>
public readonly record struct DropEvent(long Time, Verdict Verdict, PacketInfo Packet);
