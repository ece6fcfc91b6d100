using Firewall.Fuzz.Targets;

namespace Firewall.Fuzz;

/// <summary>
/// Something that takes any bytes. It fails by an exception: one of the code under test that its contract does not name, or
/// <see cref="BrokenException"/> where a promise does not hold.
/// </summary>
/// <param name="Name">The word for the command line, and the folder of its corpus.</param>
/// <param name="Run">Tries one input. Nothing that matters is remembered from one call to the next, so that a finding can be repeated.</param>
internal sealed record FuzzTarget(string Name, Action<byte[]> Run)
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("packets", PacketPath.Run),
        new("rules", RulesReader.Run),
        new("captures", CaptureFiles.Run),
        new("flows", FlowFile.Run),
    ];

    public static FuzzTarget? Find(string name) => All.FirstOrDefault(target => target.Name == name);
}
