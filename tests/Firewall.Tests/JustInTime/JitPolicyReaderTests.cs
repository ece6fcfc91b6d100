using System.Text;
using System.Text.Json;
using Firewall.Control;
using Firewall.JustInTime;
using Xunit;

namespace Firewall.Tests.JustInTime;

public sealed class JitPolicyReaderTests
{
    private const string Machine = """{ "id": "vm", "privateIpAddress": "10.0.0.4", "ports": [ { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" } ] }""";

    [Theory]
    [InlineData("""{ "name": "p", "properties": { "virtualMachines": [ MACHINE ] } }""", "p")]
    [InlineData("""{ "name": "p", "virtualMachines": [ MACHINE ] }""", "p")]
    [InlineData("""{ "Properties": { "VirtualMachines": [ MACHINE ], "requests": [] }, "kind": "Basic" }""", "default")]
    [InlineData("""{ "value": [ { "name": "p", "properties": { "virtualMachines": [ MACHINE ] } } ] }""", "p")]
    [InlineData("""[ { "name": "p", "virtualMachines": [ MACHINE ] } ]""", "p")]
    public void Every_shape_is_read(string json, string name)
    {
        JitPolicy policy = Assert.Single(Read(json.Replace("MACHINE", Machine, StringComparison.Ordinal)));
        Assert.Equal(name, policy.Name);
        JitMachine machine = Assert.Single(policy.VirtualMachines);
        JitPort port = Assert.Single(machine.Ports);
        Assert.Equal(("vm", "10.0.0.4", 22, "Tcp", TimeSpan.FromHours(3)), (machine.Name, machine.Address.ToString(), port.Number, port.Protocol.ToString(), port.MaxDuration));
    }

    [Fact]
    public void What_is_written_is_read_again_as_the_same()
    {
        const string Policies = """
            { "value": [ { "name": "p", "virtualMachines": [
              { "id": "/subscriptions/1/virtualMachines/vm", "privateIpAddress": "10.0.0.4", "terminateOnExpiry": true, "ports": [
                { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" },
                { "number": 53, "protocol": "*", "allowedSourceAddressPrefixes": [ "198.51.100.0/24", "2001:db8::/32" ], "maxRequestAccessDuration": "P1D" } ] } ] } ] }
            """;
        IReadOnlyList<JitPolicy> policies = Read(Policies);
        Assert.Equal(policies, Read(Written(policies)), (left, right) => Written([left]) == Written([right]));
        Assert.Contains("\"maxRequestAccessDuration\":\"P1D\"", Written(policies), StringComparison.Ordinal);
        Assert.Equal("""{"value":[]}""", Written([]));

        static string Written(IReadOnlyList<JitPolicy> policies)
        {
            using var text = new MemoryStream();
            using (var json = new Utf8JsonWriter(text)) JitPolicyWriter.Write(json, policies);
            return Encoding.UTF8.GetString(text.ToArray());
        }
    }

    [Fact]
    public void All_mistakes_are_told_at_once_with_their_places()
    {
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => Read("""
            { "virtualMachines": [
              { "id": "a" , "ports": [ { "number": 70000, "protocol": "icmp", "maxRequestAccessDuration": "PT1M", "allowedSourceAddressPrefix": "*", "allowedSourceAddressPrefixes": ["1.2.3.4"] } ] },
              { "privateIpAddress": "10.0.0.5", "ports": [] },
              { "id": "c", "privateIpAddress": "10.0.0.6" } ] }
            """));
        Assert.Equal(
            [
                "jit.json: $.virtualMachines[0]: privateIpAddress is missing or no address; Azure looks it up, here it has to be written, such as \"privateIpAddress\": \"10.0.0.4\"",
                "jit.json: $.virtualMachines[0].ports[0]: number must be 0 to 65535",
                "jit.json: $.virtualMachines[0].ports[0]: protocol is 'icmp'; TCP, UDP and * are possible",
                "jit.json: $.virtualMachines[0].ports[0]: maxRequestAccessDuration must be PT5M to PT24H, such as PT3H",
                "jit.json: $.virtualMachines[0].ports[0]: exactly one of allowedSourceAddressPrefix and allowedSourceAddressPrefixes must be given",
                "jit.json: $.virtualMachines[1]: id is missing",
                "jit.json: $.virtualMachines[2]: ports, an array, is missing",
            ],
            e.Problems);
    }

    [Theory]
    [InlineData("{", "jit.json:1: this is not JSON")]
    [InlineData("1", "jit.json: $: a policy is an object")]
    [InlineData("{}", "jit.json: $: virtualMachines, an array, is missing")]
    public void What_is_no_policy_is_refused(string json, string problem) =>
        Assert.StartsWith(problem, Assert.Throws<InvalidInputException>(() => Read(json)).Problems[0], StringComparison.Ordinal);

    private static IReadOnlyList<JitPolicy> Read(string json) => JitPolicyReader.Read(Encoding.UTF8.GetBytes(json), "jit.json");
}
