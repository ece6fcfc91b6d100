namespace Firewall.Hosting.Handover;

/// <summary>What a successor asks of the running appliance. Called by one thread.</summary>
internal interface IRelievable
{
    /// <summary>What it tells first.</summary>
    HandoverOffer Offer { get; }

    /// <summary>Stops reading packets, and changes nothing any more. All that was read has been judged and sent when this returns.</summary>
    /// <exception cref="IOException">It cannot, and goes on.</exception>
    void Pause();

    /// <summary>The successor is in charge: nothing of what it uses is taken down here.</summary>
    void Yield();

    /// <summary>Goes on as before: the successor is gone.</summary>
    /// <param name="why">One sentence for the log.</param>
    void Resume(string why);

    /// <summary>The successor reads: time to leave.</summary>
    /// <param name="successor">Its process number.</param>
    void Leave(int successor);
}
