namespace Firewall.Admin;

/// <summary>Why somebody was sent away.</summary>
internal enum AdminRefusal
{
    /// <summary>By the socket: he is no member of a group that may use it.</summary>
    Caller,

    /// <summary>He, or those like him, have too many connections open.</summary>
    Connections,

    /// <summary>By TCP: he asked for another host's name.</summary>
    Host,

    /// <summary>By TCP: he showed no token, or a wrong one.</summary>
    Token,

    /// <summary>He may look, but not do that.</summary>
    Role,
}

/// <summary>How many requests of the admin API were refused for who asked, or where: what somebody who guesses tokens is seen by. For any thread.</summary>
internal sealed class AdminRefusals
{
    private readonly long[] _counts = new long[Enum.GetValues<AdminRefusal>().Length];

    /// <summary>How many for that reason.</summary>
    public long this[AdminRefusal reason] => Interlocked.Read(ref _counts[(int)reason]);

    /// <summary>Counts one, if it was refused for such a reason.</summary>
    public void Add(AdminProblem problem)
    {
        if (problem.Refusal is { } reason) Interlocked.Increment(ref _counts[(int)reason]);
    }
}
