using System.Buffers.Text;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>Writes entries as Azure's flow tuples, in quotes.</summary>
internal static class FlowTuple
{
    /// <summary>The longest tuple, in bytes.</summary>
    public const int Longest = 256;

    /// <summary>
    /// As in virtual network flow logs of version 4:
    /// <c>milliseconds,source,destination,source port,destination port,protocol number,I|O,B|C|E|D,NX,packets sent,bytes sent,packets received,bytes received</c>.
    /// </summary>
    /// <returns>The bytes written.</returns>
    public static int WriteVnet(Span<byte> text, in FlowLogEntry entry)
    {
        int length = WriteEnds(text, entry, entry.Time);
        length += Number(text[length..], entry.Protocol);
        length += Copy(text[length..], entry.Direction == RuleDirection.Inbound ? ",I,"u8 : ",O,"u8);
        text[length++] = entry.State switch { FlowLogState.Begin => (byte)'B', FlowLogState.Continue => (byte)'C', FlowLogState.End => (byte)'E', _ => (byte)'D' };
        length += Copy(text[length..], ",NX,"u8);
        length += WriteTraffic(text[length..], entry.Traffic);
        text[length++] = (byte)'"';
        return length;
    }

    /// <summary>
    /// As in security group flow logs of version 2:
    /// <c>seconds,source,destination,source port,destination port,T|U,I|O,A|D,B|C|E,packets sent,bytes sent,packets received,bytes received</c>,
    /// with empty counters where the flow begins.
    /// </summary>
    /// <returns>The bytes written.</returns>
    public static int WriteNsg(Span<byte> text, in FlowLogEntry entry)
    {
        int length = WriteEnds(text, entry, entry.Time / 1000);
        text[length++] = entry.Protocol == IpProtocol.Tcp ? (byte)'T' : (byte)'U';
        length += Copy(text[length..], entry.Direction == RuleDirection.Inbound ? ",I,"u8 : ",O,"u8);
        length += Copy(text[length..], entry.State switch
        {
            FlowLogState.Deny => "D,B,"u8,
            FlowLogState.Begin => "A,B,"u8,
            FlowLogState.Continue => "A,C,"u8,
            _ => "A,E,"u8,
        });
        if (entry.State is FlowLogState.Begin or FlowLogState.Deny) length += Copy(text[length..], ",,,"u8);
        else length += WriteTraffic(text[length..], entry.Traffic);
        text[length++] = (byte)'"';
        return length;
    }

    private static int WriteEnds(Span<byte> text, in FlowLogEntry entry, long time)
    {
        text[0] = (byte)'"';
        int length = 1;
        length += NumberAndComma(text[length..], time);
        length += entry.Source.FormatUtf8(text[length..]);
        text[length++] = (byte)',';
        length += entry.Destination.FormatUtf8(text[length..]);
        text[length++] = (byte)',';
        length += NumberAndComma(text[length..], entry.SourcePort);
        length += NumberAndComma(text[length..], entry.DestinationPort);
        return length;
    }

    private static int WriteTraffic(Span<byte> text, in FlowTraffic traffic)
    {
        int length = NumberAndComma(text, traffic.PacketsSent);
        length += NumberAndComma(text[length..], (long)traffic.BytesSent);
        length += NumberAndComma(text[length..], traffic.PacketsReceived);
        return length + Number(text[length..], (long)traffic.BytesReceived);
    }

    private static int NumberAndComma(Span<byte> text, long number)
    {
        int length = Number(text, number);
        text[length] = (byte)',';
        return length + 1;
    }

    private static int Number(Span<byte> text, long number)
    {
        Utf8Formatter.TryFormat(number, text, out int length);
        return length;
    }

    private static int Copy(Span<byte> text, ReadOnlySpan<byte> what)
    {
        what.CopyTo(text);
        return what.Length;
    }
}
