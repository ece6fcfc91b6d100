namespace Firewall.Hosting.Surviving;

/// <summary>Where a flow table outlives its process.</summary>
/// <param name="Path">Full path of its file.</param>
/// <param name="BootId">This start of the machine: the clock, and so every deadline in the table, counts from it.</param>
internal sealed record FlowPlace(string Path, Guid BootId);
