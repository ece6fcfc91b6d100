using System.Globalization;
using Firewall.Bench;

switch (args is [string first, ..] ? first : "")
{
    case "rules":
        RuleFigures.Print();
        return 0;
    case "reload":
        return ReloadFigures.Print(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 40, args.Contains("both"));
    case "figures":
        return Figures.Print(args.Length > 1 ? args[1] : "");
    default:
        Console.Error.WriteLine("figures [PART OF A NAME]: the engine's figures that have a target. rules: classifying and building. reload [RELOADS [both]]: what packets notice of a reload.");
        return 2;
}
