namespace Firewall.Tests.Engine;

/// <summary>Small security groups that the traces use by name.</summary>
internal static class SampleRules
{
    public const string Empty = """{ "name": "nsg-empty", "properties": { "securityRules": [] } }""";

    public const string EmptyWithFlush = """{ "name": "nsg-empty", "properties": { "flushConnection": true, "securityRules": [] } }""";

    public static string AllowSsh { get; } = Inbound("allow-ssh", "Tcp", "22");

    public static string AllowDns { get; } = Inbound("allow-dns", "Udp", "53");

    public static string AllowPing { get; } = Inbound("allow-ping", "Icmp", "*");

    public static string AllowAll { get; } = Inbound("allow-all", "*", "*");

    private static string Inbound(string name, string protocol, string port) => $$"""
        {
          "name": "nsg-sample",
          "properties": {
            "securityRules": [
              {
                "name": "{{name}}",
                "properties": {
                  "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "{{protocol}}",
                  "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "{{port}}"
                }
              }
            ]
          }
        }
        """;
}
