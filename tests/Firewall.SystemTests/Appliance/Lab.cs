using Firewall.SystemTests.Linux;

namespace Firewall.SystemTests.Appliance;

/// <summary>
/// A client on the internet, a gateway, and a VM in the virtual network, each a namespace, with IPv4 and IPv6:
/// <code>
///   client 203.0.113.5, 2001:db8:113::5 ── outside · gateway (.1) · inside ── vm 10.0.0.4, fd00:10::4
/// </code>
/// The kernel forwards between the two networks, so without a firewall everything gets through.
/// </summary>
internal sealed class Lab : IDisposable
{
    public const string ClientV4 = "203.0.113.5";
    public const string ClientV6 = "2001:db8:113::5";
    public const string VmV4 = "10.0.0.4";
    public const string VmV6 = "fd00:10::4";

    public Lab()
    {
        Client = new NetworkNamespace("client");
        Gateway = new NetworkNamespace("gateway");
        Vm = new NetworkNamespace("vm");
        NetworkNamespace.Connect(Client, "outside", Gateway, "outside");
        NetworkNamespace.Connect(Vm, "inside", Gateway, "inside");
        Client.Address("outside", $"{ClientV4}/24", $"{ClientV6}/64").Gateway("203.0.113.1", "2001:db8:113::1");
        Vm.Address("inside", $"{VmV4}/24", $"{VmV6}/64").Gateway("10.0.0.1", "fd00:10::1");
        Gateway.Address("outside", "203.0.113.1/24", "2001:db8:113::1/64").Address("inside", "10.0.0.1/24", "fd00:10::1/64");
        Gateway.Inside(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
            File.WriteAllText("/proc/sys/net/ipv6/conf/all/forwarding", "1");
        });
    }

    public NetworkNamespace Client { get; }

    public NetworkNamespace Gateway { get; }

    public NetworkNamespace Vm { get; }

    /// <summary>The files of the test.</summary>
    public TemporaryFolder Files { get; } = new();

    /// <summary>Full path of the rules file that both configurations name.</summary>
    public string Rules => Files["rules.json"];

    /// <summary>Writes the rules as one stroke: a new file under the old name.</summary>
    public void WriteRules(string rules)
    {
        File.WriteAllText(Files["rules.json.new"], rules);
        File.Move(Files["rules.json.new"], Rules, overwrite: true);
    }

    /// <summary>Writes a configuration and returns its path.</summary>
    public string Configuration(string mode = "Gateway", string interfaces = "\"outside\", \"inside\"")
    {
        string file = Files["firewall.json"];
        File.WriteAllText(file, $$"""
            {
              "Firewall": {
                "Mode": "{{mode}}",
                "Interfaces": [ {{interfaces}} ],
                "Rules": "rules.json",
                "ActivityLog": { "File": "activity.jsonl" },
                "JustInTime": { "State": "jit-state.json" },
                "VirtualNetwork": { "AddressPrefixes": [ "10.0.0.0/24", "fd00:10::/64" ] }
              }
            }
            """);
        return file;
    }

    /// <summary>Writes just-in-time policies for the VM's port 22 into jit.json.</summary>
    public void WriteJitPolicies(bool terminateOnExpiry) => File.WriteAllText(Files["jit.json"], $$"""
        {
          "kind": "Basic",
          "name": "default",
          "properties": {
            "virtualMachines": [
              {
                "id": "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-web1",
                "privateIpAddress": "{{VmV4}}",
                "terminateOnExpiry": {{(terminateOnExpiry ? "true" : "false")}},
                "ports": [ { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" } ]
              }
            ]
          }
        }
        """);

    /// <summary>Writes a file that nobody else may read, and returns its path.</summary>
    public string WriteSecret(string name, string text)
    {
        File.WriteAllText(Files[name], text);
        Shell.Run("chmod", "600", Files[name]);
        return Files[name];
    }

    /// <summary>Starts the appliance on the gateway, with these rules.</summary>
    public RunningAppliance StartGateway(string rules)
    {
        WriteRules(rules);
        return RunningAppliance.Start(Gateway, Configuration());
    }

    /// <summary>Starts the appliance on the VM itself, with these rules.</summary>
    public RunningAppliance StartHost(string rules)
    {
        WriteRules(rules);
        return RunningAppliance.Start(Vm, Configuration("Host", ""));
    }

    public void Dispose()
    {
        Client.Dispose();
        Gateway.Dispose();
        Vm.Dispose();
        Files.Dispose();
    }
}
