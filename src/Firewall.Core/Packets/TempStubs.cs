#pragma warning disable
namespace Firewall.Core.Packets;
public struct OpeningPacket { public static MalformedReason Read(ReadOnlySpan<byte> b, in PacketInfo f, out OpeningPacket o) { o = default; return MalformedReason.None; } }
public static class EmbeddedPacket { public static bool TryRead(ReadOnlySpan<byte> b, in PacketInfo e, out PacketInfo p) {
  int at = e.TransportOffset + 8; var r = PacketParser.Parse(b[at..], 65535, out p); return r == MalformedReason.None; } }
public static class ReplyWriter { public static int WriteTcpReset(ReadOnlySpan<byte> p, in PacketInfo i, Span<byte> d) => 0; public static int WriteAdminProhibited(ReadOnlySpan<byte> p, in PacketInfo i, Span<byte> d) => 0; }
