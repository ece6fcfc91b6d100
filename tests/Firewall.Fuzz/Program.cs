using Firewall.Fuzz;
using SharpFuzz;

// Firewall.Fuzz TARGET          reads inputs from AFL++, see run.sh
// Firewall.Fuzz TARGET FILE...  runs these inputs once; what fails ends the program with its stack
if (args.Length == 0 || FuzzTarget.Find(args[0]) is not { } target)
{
    Console.Error.WriteLine($"usage: Firewall.Fuzz TARGET [FILE...]; targets: {string.Join(", ", FuzzTarget.All.Select(t => t.Name))}");
    return 2;
}

foreach (string file in args[1..]) target.Run(File.ReadAllBytes(file));
if (args.Length > 1) return 0;
Fuzzer.OutOfProcess.Run(stream =>
{
    using var input = new MemoryStream();
    stream.CopyTo(input);
    target.Run(input.ToArray());
});
return 0;
