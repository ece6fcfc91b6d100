using System.Text.Json;
using System.Text.Json.Serialization;

namespace Firewall.Hosting.Handover;

/// <summary>What a running appliance tells its successor first.</summary>
/// <param name="Protocol">Of the conversation; see <see cref="CurrentProtocol"/>.</param>
/// <param name="Program">The version that is running.</param>
/// <param name="Queues">How many open queues come along.</param>
/// <param name="Flows">Path of the file that the flow table lives in; null if it lives in private memory.</param>
/// <param name="Misbehaving">
/// The offloads that it found to misbehave, as TUN_F_… of linux/if_tun.h; null if it did not look, or is of a version that cannot.
/// </param>
internal sealed record HandoverOffer(int Protocol, string Program, int Queues, string? Flows, uint? Misbehaving = null)
{
    /// <summary>
    /// Raised when the conversation changes, so that two versions that do not understand each other say so. With 2 a read of the queues may wait, and
    /// who knows 1 alone would wait in it with packets in his hands; who knows 2 can take over from both.
    /// </summary>
    public const int CurrentProtocol = 2;

    private const int OldestProtocol = 1;

    /// <summary>Whether this version can take over from one that offers so.</summary>
    public static bool Understands(int protocol) => protocol is >= OldestProtocol and <= CurrentProtocol;

    /// <summary>As one line.</summary>
    public string Write() => JsonSerializer.Serialize(this, HandoverJson.Default.HandoverOffer);

    /// <summary>Reads the line.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public static HandoverOffer Read(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, HandoverJson.Default.HandoverOffer) ?? throw new IOException("the running instance offers nothing");
        }
        catch (JsonException e)
        {
            throw new IOException("the running instance does not speak this protocol", e);
        }
    }
}

[JsonSerializable(typeof(HandoverOffer))]
internal sealed partial class HandoverJson : JsonSerializerContext;
