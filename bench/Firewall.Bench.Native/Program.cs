using System.Globalization;
using Firewall.Bench;

switch (args is [string first, ..] ? first : "")
{
    case "rules":
        RuleFigures.Print();
        return 0;
    case "reload":
        return ReloadFigures.Print(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 40, args.Contains("both"));
    default:
        Console.Error.WriteLine("rules: classifying and building. reload [RELOADS [both]]: what packets notice of a reload.");
        return 2;
}
