using BenchmarkDotNet.Running;
using Firewall.Bench;

if (args is ["figures", ..]) return Figures.Print(args.Length > 1 ? args[1] : "");
BenchmarkSwitcher.FromAssembly(typeof(Figures).Assembly).Run(args);
return 0;
