using System.Globalization;
using Firewall.Bench;

switch (args is [string first, ..] ? first : "")
{
    case "rules":
        RuleFigures.Print();
        return 0;
    case "reload":
        return ReloadFigures.Print(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3, args.Contains("collected"));
    default:
        Console.Error.WriteLine("rules: classifying and building. reload [ROUNDS [collected]]: what packets notice of a reload.");
        return 2;
}
