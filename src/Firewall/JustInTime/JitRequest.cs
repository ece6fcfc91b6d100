using System.Text.Json.Serialization;
using Firewall.Core.Packets;

namespace Firewall.JustInTime;

/// <summary>Access that was asked for and given: one port of one machine, from one source, until a time.</summary>
/// <param name="Id">Names it to whoever takes it back.</param>
/// <param name="Policy">The policy's name.</param>
/// <param name="VirtualMachine">The machine's id.</param>
/// <param name="Address">The machine's private address.</param>
/// <param name="Port">The port.</param>
/// <param name="Protocol">Tcp, Udp or *.</param>
/// <param name="Source">An address or prefix, or * for everywhere.</param>
/// <param name="StartTimeUtc">When it was given.</param>
/// <param name="EndTimeUtc">When it ends by itself.</param>
/// <param name="Requestor">Who asked.</param>
/// <param name="Justification">Why; may be empty.</param>
internal sealed record JitRequest(
    Guid Id,
    string Policy,
    string VirtualMachine,
    string Address,
    ushort Port,
    string Protocol,
    string Source,
    DateTimeOffset StartTimeUtc,
    DateTimeOffset EndTimeUtc,
    string Requestor,
    string Justification)
{
    /// <summary>Whether it is in force.</summary>
    public JitStatus Status { get; init; } = JitStatus.Initiated;

    /// <summary>Why it is so.</summary>
    public JitStatusReason StatusReason { get; init; } = JitStatusReason.UserRequested;

    /// <summary>When it ended, or null.</summary>
    public DateTimeOffset? EndedTimeUtc { get; init; }

    /// <summary>
    /// Which of its group's free priorities its rule has, from 0; of no other request in force. So the end of one moves no other's rule.
    /// </summary>
    public int Slot { get; init; }

    /// <summary>True: its connections end with it.</summary>
    public bool TerminateOnExpiry { get; init; }

    /// <summary>
    /// The rules of the requests that this one took the place of, each after the other: connections that they let in end with this one.
    /// </summary>
    /// <remarks>A file of an earlier version has none, which the reader gives as null.</remarks>
    public IReadOnlyList<string> EarlierRules { get; init => field = value ?? []; } = [];

    /// <summary>True while it is in force.</summary>
    [JsonIgnore]
    public bool IsActive => Status == JitStatus.Initiated;

    /// <summary>The last word of the machine's id.</summary>
    [JsonIgnore]
    public string MachineName => VirtualMachine[(VirtualMachine.LastIndexOf('/') + 1)..];

    /// <summary>The source as a prefix; null for everywhere.</summary>
    [JsonIgnore]
    public IpPrefix? SourcePrefix => IpPrefix.TryParse(Source, out IpPrefix prefix, out _) ? prefix : null;
}

/// <summary>Azure's words for the state of a request's port.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JitStatus>))]
internal enum JitStatus
{
    /// <summary>In force.</summary>
    Initiated,

    /// <summary>Not any more.</summary>
    Revoked,
}

/// <summary>Azure's words for why.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JitStatusReason>))]
internal enum JitStatusReason
{
    /// <summary>Somebody asked for it, or took it back.</summary>
    UserRequested,

    /// <summary>Its time was over.</summary>
    Expired,

    /// <summary>A newer request for the same took its place.</summary>
    NewerRequestInitiated,
}
