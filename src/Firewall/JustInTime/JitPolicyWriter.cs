using System.Text.Json;
using System.Xml;

namespace Firewall.JustInTime;

/// <summary>Writes policies in Azure's shape (jitNetworkAccessPolicies), as <see cref="JitPolicyReader"/> reads them.</summary>
internal static class JitPolicyWriter
{
    /// <summary>Writes <c>value[]</c>.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<JitPolicy> policies)
    {
        json.WriteStartObject();
        json.WriteStartArray("value");
        foreach (JitPolicy policy in policies)
        {
            json.WriteStartObject();
            json.WriteString("kind", "Basic");
            json.WriteString("name", policy.Name);
            json.WriteStartObject("properties");
            json.WriteStartArray("virtualMachines");
            foreach (JitMachine machine in policy.VirtualMachines) WriteMachine(json, machine);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteMachine(Utf8JsonWriter json, JitMachine machine)
    {
        json.WriteStartObject();
        json.WriteString("id", machine.Id);
        json.WriteString("privateIpAddress", machine.Address.ToString());
        json.WriteBoolean("terminateOnExpiry", machine.TerminateOnExpiry);
        json.WriteStartArray("ports");
        foreach (JitPort port in machine.Ports)
        {
            json.WriteStartObject();
            json.WriteNumber("number", port.Number);
            json.WriteString("protocol", port.Protocol.IsAny ? "*" : port.Protocol.ToString().ToUpperInvariant());
            if (port.Sources.Count == 0)
            {
                json.WriteString("allowedSourceAddressPrefix", "*");
            }
            else
            {
                json.WriteStartArray("allowedSourceAddressPrefixes");
                foreach (var source in port.Sources) json.WriteStringValue(source.ToString());
                json.WriteEndArray();
            }

            json.WriteString("maxRequestAccessDuration", XmlConvert.ToString(port.MaxDuration));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
