using BenchmarkDotNet.Running;
using Firewall.Bench;

if (args is ["figures", ..]) return Figures.Print(args.Length > 1 ? args[1] : "");
if (args is ["allocations", string file]) return AllocationGate.Check(file);
BenchmarkSwitcher.FromAssembly(typeof(Figures).Assembly).Run(args);
return 0;
