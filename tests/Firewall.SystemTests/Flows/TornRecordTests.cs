using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Devices.Linux;
using Firewall.SystemTests.Appliance;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Flows;

/// <summary>A process is killed while it adds, changes and removes flows: the next one takes over whole records and nothing else.</summary>
public sealed class TornRecordTests(ITestOutputHelper output)
{
    // FIREWALL_KILLS=500 for the long run.
    private static int Kills => int.TryParse(Environment.GetEnvironmentVariable("FIREWALL_KILLS"), CultureInfo.InvariantCulture, out int kills) ? kills : 15;

    [Fact]
    public void At_whatever_instruction_it_is_killed_no_half_record_is_taken_over()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}, {Kills} kills");
        var random = new Random(seed);
        using var folder = new TemporaryFolder();
        string path = folder["flows"];
        RuleCatalog catalog = FlowChurn.Compile().Catalog;
        int adopted = 0;
        int torn = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            using (Process churn = Child.Start($"flow-churn {path} {random.Next()}"))
            {
                Thread.Sleep(random.Next(60)); // the moment is the point of the test
                churn.Kill();
                churn.WaitForExit();
            }

            using FlowTableFile old = FlowTableFile.OpenOld(path)!;
            using FlowRegion region = old.Region;
            using var next = new FlowTable(FlowChurn.Limits, 1);
            FlowAdoption adoption = next.Adopt(region, FlowChurn.Boot, 0, static rule => rule);
            Assert.Null(adoption.Refusal);
            Assert.InRange(adoption.Torn, 0, 1); // one thread is at one record
            Assert.Equal(adoption.Adopted, Check(next, catalog));
            adopted += adoption.Adopted;
            torn += adoption.Torn;
        }

        output.WriteLine($"{adopted} flows adopted, {torn} torn");
        Assert.NotEqual(0, adopted);
    }

    // Each flow that was adopted is found by its key, and is whole.
    private static int Check(FlowTable table, RuleCatalog catalog)
    {
        int found = 0;
        for (int client = 0; client < FlowChurn.Clients; client++)
        {
            for (ushort port = FlowChurn.FirstPort; port <= FlowChurn.LastPort; port++)
            {
                FlowKey key = FlowChurn.Key(client, port);
                ulong hash = table.HashOf(key);
                FlowShard shard = table.ShardOf(hash);
                ref FlowHead record = ref shard.Find(key, hash, 0);
                if (Unsafe.IsNullRef(ref record)) continue;
                found++;
                Assert.Null(FlowChurn.Fault(new FlowRecord(record, shard.TailOf(ref record)), catalog));
            }
        }

        return found;
    }
}
