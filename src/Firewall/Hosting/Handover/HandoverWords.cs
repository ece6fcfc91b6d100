namespace Firewall.Hosting.Handover;

/// <summary>
/// The conversation. The successor connects; the running instance sends its offer and the open files. Then, successor first:
/// <c>pause</c>, <c>paused</c> (nobody reads; the kernel keeps what comes), <c>ready</c> (flows are taken over), <c>go</c> (from here on the
/// successor is in charge), <c>done</c> (it reads), and the end of the conversation when the other has left.
/// </summary>
internal static class HandoverWords
{
    public const string Pause = "pause";
    public const string Paused = "paused";
    public const string Ready = "ready";
    public const string Go = "go";
    public const string Done = "done";

    /// <summary>How long each waits for a word of the other while packets wait, so that a stuck successor costs no more than this.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
}
