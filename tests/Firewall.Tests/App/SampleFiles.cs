namespace Firewall.Tests.App;

/// <summary>Rules files as tests write them.</summary>
internal static class SampleFiles
{
    public const string NoRules = """{ "name": "nsg", "properties": { "securityRules": [] } }""";

    /// <summary>An NSG with one rule: TCP from anywhere to one port.</summary>
    public static string Allow(string name = "allow-ssh", int port = 22, bool flushConnection = false, int priority = 100) => $$"""
        {
          "name": "nsg",
          "properties": {
            "flushConnection": {{(flushConnection ? "true" : "false")}},
            "securityRules": [
              {
                "name": "{{name}}",
                "properties": {
                  "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "{{port}}",
                  "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
                  "access": "Allow", "priority": {{priority}}, "direction": "Inbound"
                }
              }
            ]
          }
        }
        """;
}
