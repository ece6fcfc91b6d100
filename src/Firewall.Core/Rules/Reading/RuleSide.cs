namespace Firewall.Core.Rules.Reading;

/// <summary>The names of the fields of one side of a rule, put together once and not for each rule.</summary>
internal sealed class RuleSide
{
    private RuleSide(string side)
    {
        Prefix = side + "AddressPrefix";
        Prefixes = side + "AddressPrefixes";
        Groups = side + "ApplicationSecurityGroups";
        Port = side + "PortRange";
        Ports = side + "PortRanges";
    }

    public static RuleSide Source { get; } = new("source");

    public static RuleSide Destination { get; } = new("destination");

    public string Prefix { get; }

    public string Prefixes { get; }

    public string Groups { get; }

    public string Port { get; }

    public string Ports { get; }
}
