using Firewall.Core.Packets;
using Firewall.Devices.Captures;

namespace Firewall.Fuzz.Targets;

/// <summary>
/// The reader of pcap and pcapng files. What must hold: packets, or a <see cref="CaptureException"/> that says at which byte; nothing else,
/// and never more packets than the file can hold.
/// </summary>
internal static class CaptureFiles
{
    public static void Run(byte[] input)
    {
        try
        {
            using CaptureReader reader = CaptureReader.Open(new MemoryStream(input), "fuzz");
            long count = 0;
            while (reader.TryReadNext(out CapturedPacket packet))
            {
                BrokenException.Unless(++count <= input.Length, "a packet takes at least a byte");
                BrokenException.Unless(packet.Frame.Length <= input.Length, "a packet is part of the file");
                BrokenException.Unless(packet.PacketOffset <= packet.Frame.Length, "the IP header lies in the frame");
                if (packet.PacketOffset >= 0) PacketParser.Parse(packet.Frame[packet.PacketOffset..], packet.FrameWireLength - packet.PacketOffset, out _);
            }
        }
        catch (CaptureException e)
        {
            BrokenException.Unless(e.Offset <= input.Length, "the fault lies in the file");
        }
    }
}
