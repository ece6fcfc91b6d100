using System.CommandLine;
using System.CommandLine.Parsing;
using Firewall.Control;
using Firewall.Core.Packets;

namespace Firewall.Commands;

/// <summary>How a result is printed.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>For programs.</summary>
    Json,
}

/// <summary>Makes options, the common ones and those of a kind. Values are read by our own parsers, so that errors say what is allowed.</summary>
internal static class Options
{
    /// <summary><c>--rules FILE</c>.</summary>
    public static Option<string> Rules() => new("--rules")
    {
        Description = "Network security groups: an ARM resource or template, or the output of `az network nsg show`; or a folder of such files",
        HelpName = "FILE",
        Required = true,
    };

    /// <summary><c>--service-tags FILE</c>.</summary>
    public static Option<string?> ServiceTags() => new("--service-tags")
    {
        Description = "Azure's service tag file (ServiceTags_Public_….json), for rules that name service tags",
        HelpName = "FILE",
    };

    /// <summary><c>--vnet PREFIX</c>, any number of times.</summary>
    public static Option<IpPrefix[]> VirtualNetwork() => new("--vnet")
    {
        Description = "Address space of the virtual network; repeatable [default: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7]",
        HelpName = "PREFIX",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result => [.. result.Tokens.Select(token => ReadPrefix(token.Value, result))],
    };

    /// <summary><c>--format text|json</c>.</summary>
    public static Option<OutputFormat> Format() => Choice<OutputFormat>("--format", "How to print the result [default: text]", "text|json", required: false);

    /// <summary>An option whose value is one of an enumeration's names, without regard to case; the first is the default.</summary>
    public static Option<T> Choice<T>(string name, string description, string helpName, bool required)
        where T : struct, Enum => new(name)
        {
            Description = description,
            HelpName = helpName,
            Required = required,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result => ReadChoice<T>(name, result),
        };

    private static T ReadChoice<T>(string name, ArgumentResult result)
        where T : struct, Enum
    {
        string written = result.Tokens[^1].Value;
        string[] names = Enum.GetNames<T>();
        string? known = names.FirstOrDefault(n => n.Equals(written, StringComparison.OrdinalIgnoreCase));
        if (known is not null) return Enum.Parse<T>(known);
        string allowed = string.Join(" or ", names.Select(n => typeof(T) == typeof(OutputFormat) ? n.ToLowerInvariant() : n));
        result.AddError($"{name} is '{written}', but must be {allowed}{NearestWord.Suggestion(written, names)}");
        return default;
    }

    private static IpPrefix ReadPrefix(string text, ArgumentResult result)
    {
        if (!IpPrefix.TryParse(text, out IpPrefix prefix, out bool hasHostBits))
        {
            result.AddError($"--vnet is '{text}', but must be an address prefix such as 10.0.0.0/16 or fd00:1::/64");
        }
        else if (hasHostBits)
        {
            result.AddError($"--vnet is '{text}', which has host bits set; did you mean '{prefix}'?");
        }

        return prefix;
    }
}
