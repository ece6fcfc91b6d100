using System.Buffers.Binary;
using System.Text;

namespace Firewall.Tests.App;

/// <summary>A message of protocol buffers, read without a schema: the values of each field by its number (protobuf.dev, "Encoding").</summary>
internal sealed class OtlpMessage
{
    private readonly ILookup<int, object> _fields;

    public OtlpMessage(ReadOnlyMemory<byte> bytes)
    {
        List<(int Field, object Value)> fields = [];
        int at = 0;
        while (at < bytes.Length)
        {
            ulong tag = ReadVariable(bytes.Span, ref at);
            fields.Add(((int)(tag >> 3), (tag & 7) switch
            {
                0 => ReadVariable(bytes.Span, ref at),
                1 => BinaryPrimitives.ReadUInt64LittleEndian(Take(bytes, ref at, 8).Span),
                2 => Take(bytes, ref at, (int)ReadVariable(bytes.Span, ref at)),
                5 => (ulong)BinaryPrimitives.ReadUInt32LittleEndian(Take(bytes, ref at, 4).Span),
                _ => throw new InvalidDataException($"wire type {tag & 7}"),
            }));
        }

        _fields = fields.ToLookup(f => f.Field, f => f.Value);
    }

    public bool Has(int field) => _fields.Contains(field);

    public IEnumerable<OtlpMessage> Messages(int field) => _fields[field].Select(value => new OtlpMessage((ReadOnlyMemory<byte>)value));

    public OtlpMessage Message(int field) => Messages(field).Single();

    public string Text(int field) => Encoding.UTF8.GetString(((ReadOnlyMemory<byte>)_fields[field].Single()).Span);

    public ulong Number(int field) => (ulong)_fields[field].Single();

    public double Double(int field) => BitConverter.UInt64BitsToDouble(Number(field));

    private static ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> bytes, ref int at, int length)
    {
        ReadOnlyMemory<byte> taken = bytes.Slice(at, length);
        at += length;
        return taken;
    }

    private static ulong ReadVariable(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
    }
}
