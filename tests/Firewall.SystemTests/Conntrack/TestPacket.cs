namespace Firewall.SystemTests.Conntrack;

/// <summary>A packet for both firewalls.</summary>
/// <param name="Bytes">From its IP header on, with right checksums.</param>
/// <param name="FromOutside">On which side it comes in.</param>
/// <param name="Text">The packet in the words of a packet trace, to be copied into one.</param>
internal sealed record TestPacket(byte[] Bytes, bool FromOutside, string Text);
