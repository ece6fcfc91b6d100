using System.Text;
using System.Text.Json;
using Firewall.Activity;

namespace Firewall.JustInTime;

/// <summary>What happens to just-in-time access, as events of the activity log. All of it happens to a policy; machines stand in the properties.</summary>
internal static class JitActivity
{
    /// <summary>A request that was granted, or that ended.</summary>
    /// <param name="operation">What happened to it.</param>
    /// <param name="request">As it is now.</param>
    /// <param name="caller">Who did it.</param>
    /// <param name="correlation">Of the action.</param>
    /// <param name="description">In one sentence.</param>
    public static ActivityEvent Of(ActivityOperation operation, JitRequest request, ActivityCaller caller, Guid correlation, string description)
    {
        JitRequest? before = request.IsActive ? null : request with { Status = JitStatus.Initiated, StatusReason = JitStatusReason.UserRequested, EndedTimeUtc = null };
        return new ActivityEvent(operation, true, caller, request.Policy)
        {
            Correlation = correlation,
            Description = description,
            Properties = new Dictionary<string, ActivityValue>
            {
                ["virtualMachine"] = request.VirtualMachine,
                ["rule"] = JitRules.NameOf(request),
                ["before"] = Json(before),
                ["after"] = Json(request),
            },
        };
    }

    /// <summary>A wish that was not granted.</summary>
    /// <param name="ask">The wish.</param>
    /// <param name="policy">The policy's name.</param>
    /// <param name="caller">Who wished it.</param>
    /// <param name="correlation">Of the action.</param>
    /// <param name="why">For the person who asked.</param>
    public static ActivityEvent Refused(JitAsk ask, string policy, ActivityCaller caller, Guid correlation, string why) => new(ActivityOperation.InitiateJit, false, caller, policy)
    {
        Correlation = correlation,
        Description = why,
        Properties = new Dictionary<string, ActivityValue>
        {
            ["virtualMachine"] = ask.VirtualMachine,
            ["port"] = $"{ask.Port}",
            ["protocol"] = ask.Protocol ?? "",
            ["allowedSourceAddressPrefix"] = ask.Source,
            ["justification"] = ask.Justification,
        },
    };

    /// <summary>Policies that came, changed or went.</summary>
    public static List<ActivityEvent> OfPolicies(IReadOnlyList<JitPolicy> before, IReadOnlyList<JitPolicy> after)
    {
        Guid correlation = Guid.NewGuid();
        Dictionary<string, ActivityValue> old = Texts(before);
        Dictionary<string, ActivityValue> now = Texts(after);
        return
        [
            .. now.Where(policy => !old.TryGetValue(policy.Key, out ActivityValue known) || known != policy.Value)
                .Select(policy => Event(ActivityOperation.WriteJitPolicy, policy.Key, old.GetValueOrDefault(policy.Key, ActivityValue.Json("null")), policy.Value)),
            .. old.Where(policy => !now.ContainsKey(policy.Key)).Select(policy => Event(ActivityOperation.DeleteJitPolicy, policy.Key, policy.Value, ActivityValue.Json("null"))),
        ];

        ActivityEvent Event(ActivityOperation operation, string name, ActivityValue was, ActivityValue isNow) => new(operation, true, ActivityCaller.Appliance, name)
        {
            Correlation = correlation,
            Description = $"just-in-time policy {name}",
            Properties = new Dictionary<string, ActivityValue> { ["before"] = was, ["after"] = isNow },
        };
    }

    private static Dictionary<string, ActivityValue> Texts(IReadOnlyList<JitPolicy> policies)
    {
        Dictionary<string, ActivityValue> texts = new(StringComparer.OrdinalIgnoreCase);
        foreach (IGrouping<string, JitPolicy> same in policies.GroupBy(policy => policy.Name, StringComparer.OrdinalIgnoreCase))
        {
            using var text = new MemoryStream();
            using (var json = new Utf8JsonWriter(text)) JitPolicyWriter.Write(json, [.. same]);
            texts[same.Key] = ActivityValue.Json(Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length));
        }

        return texts;
    }

    private static ActivityValue Json(JitRequest? request) => ActivityValue.Json(request is null ? "null" : JsonSerializer.Serialize(request, JitJson.Default.JitRequest));
}
