using System.Net.NetworkInformation;

namespace Firewall.Control.Configuration;

/// <summary>Keys of <c>Firewall:FlowLogs</c>.</summary>
internal sealed record FlowLogSettings
{
    /// <summary>The value of <see cref="Lines"/> that stands for standard output.</summary>
    public const string StandardOutput = "-";

    /// <summary>Full path of the folder for Azure's formats; null if they are not written.</summary>
    public required string? Folder { get; init; }

    /// <summary>Write virtual network flow logs, version 4.</summary>
    public required bool Vnet { get; init; }

    /// <summary>Write network security group flow logs, version 2.</summary>
    public required bool Nsg { get; init; }

    /// <summary>Full path of a file of JSON lines, or <see cref="StandardOutput"/>; null for none.</summary>
    public required string? Lines { get; init; }

    /// <summary>Log all protocols, not TCP and UDP alone.</summary>
    public required bool AllProtocols { get; init; }

    /// <summary>How often a record is written.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>After how long a flow that goes on gets another entry.</summary>
    public required TimeSpan ContinueInterval { get; init; }

    /// <summary>How long files of <see cref="Folder"/> stay; zero for ever.</summary>
    public required TimeSpan KeptFor { get; init; }

    /// <summary>How many bytes they may have all together; 0 for any number.</summary>
    public required long KeptBytes { get; init; }

    /// <summary>The subscription in ids of resources.</summary>
    public required Guid SubscriptionId { get; init; }

    /// <summary>The resource group in ids of resources.</summary>
    public required string ResourceGroup { get; init; }

    /// <summary>The region in ids of resources.</summary>
    public required string Region { get; init; }

    /// <summary>Twelve digits, upper-case; null for that of the first interface.</summary>
    public required string? MacAddress { get; init; }

    /// <summary>True if flows are logged at all.</summary>
    public bool IsOn => Folder is not null || Lines is not null;

    /// <summary>Reads the section; also reports what is not known in it.</summary>
    public static FlowLogSettings Read(SectionReader section, string folder)
    {
        const string FormatsAllowed = "VNet or Nsg";
        const string GuidAllowed = "a number such as \"11112222-3333-4444-5555-666677778888\"";
        const string NameAllowed = "a name of 1 to 90 letters, digits, '-', '_' and '.'";
        const string MacAllowed = "null, or a MAC address such as \"0022489A00F1\" or \"00:22:48:9a:00:f1\"";
        IReadOnlyList<string> formats = section.List("Formats", FormatsAllowed, text => Is(text, "VNet") || Is(text, "Nsg"));
        string? lines = section.Text("Lines");
        SectionReader retention = section.Section("RetentionPolicy");
        const int LongestDays = 3650;
        int days = retention.Integer("Days", 0, 0, LongestDays);
        int megabytes = retention.Integer("Megabytes", 0, 0, int.MaxValue);
        retention.Finish();
        string mac = section.Text("MacAddress", "", MacAllowed, text => TryMac(text, out _));
        return new FlowLogSettings
        {
            Folder = section.Text("Folder") is { } path ? Path.GetFullPath(path, folder) : null,
            Vnet = formats.Count == 0 || formats.Any(f => Is(f, "VNet")),
            Nsg = formats.Count == 0 || formats.Any(f => Is(f, "Nsg")),
            Lines = lines is null or StandardOutput ? lines : Path.GetFullPath(lines, folder),
            AllProtocols = section.Flag("AllProtocols", false),
            Interval = section.Duration("Interval", TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            ContinueInterval = section.Duration("ContinueInterval", TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
            KeptFor = TimeSpan.FromDays(days),
            KeptBytes = (long)megabytes << 20,
            SubscriptionId = Guid.Parse(section.Text("SubscriptionId", Guid.Empty.ToString(), GuidAllowed, text => Guid.TryParse(text, out _))),
            ResourceGroup = section.Text("ResourceGroup", "firewall", NameAllowed, IsName),
            Region = section.Text("Region", "local", NameAllowed, IsName),
            MacAddress = TryMac(mac, out string digits) ? digits : null,
        };
    }

    private static bool Is(string text, string format) => text.Equals(format, StringComparison.OrdinalIgnoreCase);

    private static bool IsName(string text) =>
        text.Length is > 0 and <= 90 && text.Trim('.').Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static bool TryMac(string text, out string digits)
    {
        bool isRead = PhysicalAddress.TryParse(text, out PhysicalAddress? address) && address.GetAddressBytes().Length == 6;
        digits = isRead ? address!.ToString() : "";
        return isRead;
    }
}
