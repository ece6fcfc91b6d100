namespace Firewall.Activity;

/// <summary>Something that an administrator did, or that happened to what administrators set up.</summary>
/// <param name="Operation">In Azure's words; see <see cref="ActivityOperation"/>.</param>
/// <param name="Succeeded">False if it was refused.</param>
/// <param name="Caller">Who did it.</param>
/// <param name="Resource">What it was done to: a resource id, or a name, of which the log makes one.</param>
internal sealed record ActivityEvent(ActivityOperation Operation, bool Succeeded, ActivityCaller Caller, string Resource)
{
    /// <summary>The same for all events of one action.</summary>
    public Guid Correlation { get; init; } = Guid.NewGuid();

    /// <summary>One sentence.</summary>
    public string Description { get; init; } = "";

    /// <summary>What was before and is after, and whatever else tells the story.</summary>
    public IReadOnlyDictionary<string, ActivityValue> Properties { get; init; } = new Dictionary<string, ActivityValue>();
}

/// <summary>A property of an event: text, or JSON where that is said. What people write is text, whatever it begins with.</summary>
/// <param name="Text">The text, or valid JSON.</param>
/// <param name="IsJson">True for JSON.</param>
internal readonly record struct ActivityValue(string Text, bool IsJson)
{
    /// <summary>Text.</summary>
    public static implicit operator ActivityValue(string text) => new(text, false);

    /// <summary>Valid JSON, written as it is.</summary>
    public static ActivityValue Json(string json) => new(json, true);
}

/// <summary>Who did something.</summary>
/// <param name="Name">A user's name, or "firewall" for what the appliance does by itself.</param>
/// <param name="User">The user's number, if the kernel told it.</param>
/// <param name="Process">The process's number, if the kernel told it.</param>
/// <param name="Address">Where the request came from, if not from this machine.</param>
internal sealed record ActivityCaller(string Name, uint? User = null, int? Process = null, string? Address = null)
{
    /// <summary>The user's security identifier, if Windows told it.</summary>
    public string? Sid { get; init; }

    /// <summary>The appliance itself: a file that changed, a time that is over.</summary>
    public static ActivityCaller Appliance { get; } = new("firewall", null, Environment.ProcessId);
}

/// <summary>An operation's name and what people call it. Azure's own where it has one.</summary>
/// <param name="Value">For example <c>Microsoft.Network/networkSecurityGroups/write</c>.</param>
/// <param name="Text">For people.</param>
internal sealed record ActivityOperation(string Value, string Text)
{
    private const string JitPolicyType = "Microsoft.Security/locations/jitNetworkAccessPolicies";

    /// <summary>The rules of a group changed, or were refused.</summary>
    public static ActivityOperation WriteGroup { get; } = new("Microsoft.Network/networkSecurityGroups/write", "Create or Update Network Security Group");

    /// <summary>A group is there no more.</summary>
    public static ActivityOperation DeleteGroup { get; } = new("Microsoft.Network/networkSecurityGroups/delete", "Delete Network Security Group");

    /// <summary>Subnets or network interfaces changed, and with them what groups apply to.</summary>
    public static ActivityOperation WriteNetwork { get; } = new("Microsoft.Network/virtualNetworks/write", "Create or Update Virtual Network");

    /// <summary>A just-in-time policy changed, or was refused.</summary>
    public static ActivityOperation WriteJitPolicy { get; } =
        new("Microsoft.Security/locations/jitNetworkAccessPolicies/write", "Create or Update JIT Network Access Policy");

    /// <summary>A just-in-time policy is there no more.</summary>
    public static ActivityOperation DeleteJitPolicy { get; } =
        new("Microsoft.Security/locations/jitNetworkAccessPolicies/delete", "Delete JIT Network Access Policy");

    /// <summary>Settings of the appliance changed, or were refused; ours.</summary>
    public static ActivityOperation WriteAppliance { get; } = new("Firewall/appliances/write", "Update Firewall");

    /// <summary>Access was asked for.</summary>
    public static ActivityOperation InitiateJit { get; } =
        new("Microsoft.Security/locations/jitNetworkAccessPolicies/initiate/action", "Initiate JIT Network Access Policy");

    /// <summary>Access was taken back before its time; ours, Azure has no name for it.</summary>
    public static ActivityOperation RevokeJit { get; } =
        new("Firewall/jitNetworkAccessPolicies/revoke/action", "Revoke JIT Network Access") { ResourceType = JitPolicyType };

    /// <summary>Access ended.</summary>
    public static ActivityOperation ExpireJit { get; } =
        new("Firewall/jitNetworkAccessPolicies/expire/action", "JIT Network Access Expired") { ResourceType = JitPolicyType };

    /// <summary>Flows were ended.</summary>
    public static ActivityOperation KillFlows { get; } = new("Firewall/flows/kill/action", "Kill Flows");

    /// <summary>The appliance judges packets.</summary>
    public static ActivityOperation Start { get; } = new("Firewall/appliances/start/action", "Start Firewall");

    /// <summary>It stops, or hands over.</summary>
    public static ActivityOperation Stop { get; } = new("Firewall/appliances/stop/action", "Stop Firewall");

    /// <summary>For example <c>Microsoft.Network/networkSecurityGroups</c>.</summary>
    public string ResourceType { get; private init; } = Value.EndsWith("/action", StringComparison.Ordinal) ? Up(Up(Value)) : Up(Value);

    private static string Up(string path) => path[..path.LastIndexOf('/')];
}
