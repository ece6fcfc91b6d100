using System.Globalization;
using Firewall.Core.Packets;

namespace Firewall.Commands;

/// <summary>An address with or without a port, as <c>verify</c> takes it: <c>10.0.0.4:22</c>, <c>[fd00::4]:22</c>, <c>fd00::4</c>, <c>10.0.0.4:*</c>.</summary>
/// <param name="Address">The address.</param>
/// <param name="Port">The port; null if none was given or it is <c>*</c>.</param>
internal readonly record struct EndpointText(IpAddress Address, ushort? Port)
{
    /// <summary>Reads it; the error says what is allowed.</summary>
    public static bool TryParse(string text, out EndpointText endpoint, out string error)
    {
        endpoint = default;
        string host = text;
        string? port = null;
        if (text.StartsWith('['))
        {
            int end = text.IndexOf(']', StringComparison.Ordinal);
            if (end > 0)
            {
                host = text[1..end];
                string rest = text[(end + 1)..];
                if (rest.StartsWith(':')) port = rest[1..];
                else if (rest.Length > 0) host = "";
                if (!host.Contains(':', StringComparison.Ordinal)) host = "";
            }
        }
        else if (text.AsSpan().Count(':') == 1)
        {
            int colon = text.IndexOf(':', StringComparison.Ordinal);
            host = text[..colon];
            port = text[(colon + 1)..];
        }

        error = $"is '{text}', but must be an address with or without a port, such as 10.0.0.4:22, 10.0.0.4:* or [fd00::4]:22";
        if (!IpAddress.TryParse(host, out IpAddress address)) return false;
        error = $"is '{text}', whose port must be a number from 0 to 65535, or *";
        if (port is null or "*")
        {
            endpoint = new EndpointText(address, null);
            return true;
        }

        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number)) return false;
        endpoint = new EndpointText(address, number);
        return true;
    }
}
