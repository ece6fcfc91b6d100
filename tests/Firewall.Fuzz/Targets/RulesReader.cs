using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;

namespace Firewall.Fuzz.Targets;

/// <summary>
/// The reader of rules files and the compiler. What must hold: no exception; every finding says what and how to mend it; rules without
/// errors compile or say why not; and the compiled classifier decides as the linear one does.
/// </summary>
internal static class RulesReader
{
    public static void Run(byte[] input)
    {
        RuleFile file = NsgReader.Read(input, "fuzz.json");
        foreach (RuleFinding finding in file.Findings)
        {
            BrokenException.Unless(!string.IsNullOrEmpty(finding.Code) && !string.IsNullOrEmpty(finding.Message), "a finding has a code and a message");
        }

        if (file.HasErrors || file.Groups.Count == 0) return;
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        if (result.Policy is not { } policy)
        {
            BrokenException.Unless(result.Findings.Any(finding => finding.IsError), "no policy without an error that says why");
            return;
        }

        var random = new Random(input.Length);
        foreach (CompiledGroup group in policy.Compiled)
        {
            Compare(group.Inbound, random);
            Compare(group.Outbound, random);
        }
    }

    private static void Compare(IRuleClassifier compiled, Random random)
    {
        var linear = new LinearClassifier(compiled.Rules);
        for (int i = 0; i < 64; i++)
        {
            PacketInfo packet = AnyPacket(random);
            int expected = linear.Classify(in packet);
            int actual = compiled.Classify(in packet);
            BrokenException.Unless(expected == actual, $"both classifiers say the same: linear {expected}, compiled {actual} of {packet}");
        }
    }

    private static PacketInfo AnyPacket(Random random) => new()
    {
        Source = AnyAddress(random),
        Destination = AnyAddress(random),
        Protocol = random.Next(4) switch { 0 => IpProtocol.Tcp, 1 => IpProtocol.Udp, 2 => IpProtocol.Icmp, _ => (byte)random.Next(256) },
        SourcePort = (ushort)random.Next(65_536),
        DestinationPort = (ushort)(random.Next(2) == 0 ? random.Next(1024) : random.Next(65_536)),
    };

    private static IpAddress AnyAddress(Random random) => IpAddress.FromIPv4(random.Next(3) switch
    {
        0 => 0x0A00_0000u + (uint)random.Next(1 << 16),
        1 => 0xC0A8_0000u + (uint)random.Next(1 << 16),
        _ => (uint)random.NextInt64(1L << 32),
    });
}
