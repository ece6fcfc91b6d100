using System.Globalization;

namespace Firewall.SystemTests.Appliance;

/// <summary>Text of rules files, in the shape of the ARM resource.</summary>
internal static class Nsg
{
    /// <summary>A network security group with these rules beside the default ones.</summary>
    public static string Group(params string[] rules) => Group(false, rules);

    /// <inheritdoc cref="Group(string[])"/>
    public static string Group(bool flushConnection, params string[] rules) => $$"""
        {
          "name": "nsg-test",
          "type": "Microsoft.Network/networkSecurityGroups",
          "properties": {
            "flushConnection": {{(flushConnection ? "true" : "false")}},
            "securityRules": [ {{string.Join(",\n", rules)}} ]
          }
        }
        """;

    /// <summary>A rule for everybody's packets to a port.</summary>
    public static string Rule(string name, int priority, string protocol, string port, string direction = "Inbound", string access = "Allow") =>
        string.Create(CultureInfo.InvariantCulture, $$"""
            {
              "name": "{{name}}",
              "properties": {
                "priority": {{priority}}, "direction": "{{direction}}", "access": "{{access}}", "protocol": "{{protocol}}",
                "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "{{port}}"
              }
            }
            """);

    public static readonly string AllowSsh = Rule("allow-ssh", 100, "Tcp", "22");

    /// <summary>The rule of the tests that send datagrams or bulk data.</summary>
    public static readonly string AllowService = Rule("allow-service", 110, "*", "5000-5999");
}
