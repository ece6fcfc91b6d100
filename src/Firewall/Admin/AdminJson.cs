using System.Text.Json.Serialization;
using Firewall.Admin.Drops;
using Firewall.Admin.Flows;

namespace Firewall.Admin;

/// <summary>What the admin API says as JSON, for both ends of the socket.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = false, NewLine = "\n")]
[JsonSerializable(typeof(AdminErrors))]
[JsonSerializable(typeof(CallerStatus))]
[JsonSerializable(typeof(DropEntry))]
[JsonSerializable(typeof(FlowEntry))]
[JsonSerializable(typeof(IReadOnlyList<FlowRateEntry>))]
[JsonSerializable(typeof(FlowKillResult))]
[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(IReadOnlyList<RuleHitStatus>))]
internal sealed partial class AdminJson : JsonSerializerContext;

/// <summary>Why a request was not answered.</summary>
/// <param name="Errors">One line each.</param>
internal sealed record AdminErrors(IReadOnlyList<string> Errors);

/// <summary>Whom the appliance takes the caller for: <c>GET /v1/caller</c>.</summary>
/// <param name="Name">As the activity log names him.</param>
/// <param name="Role">Reader or Operator.</param>
internal sealed record CallerStatus(string Name, string Role);
