namespace Firewall.Core.Flows;

/// <summary>What became of a flow region that an earlier process left behind.</summary>
/// <param name="Refusal">Why it was not adopted at all; null if it was.</param>
/// <param name="Adopted">Flows taken over.</param>
/// <param name="Expired">Flows whose time was over.</param>
/// <param name="Torn">Records that the process was at when it was killed, or that do not fit their place in the index: not trusted.</param>
public sealed record FlowAdoption(string? Refusal, int Adopted, int Expired, int Torn);
