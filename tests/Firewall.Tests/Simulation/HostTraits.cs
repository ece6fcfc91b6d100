namespace Firewall.Tests.Simulation;

/// <summary>How a host's TCP behaves, within what the RFCs allow: hosts differ, and the firewall has to get along with all of them.</summary>
internal sealed record HostTraits
{
    /// <summary>Largest payload it takes (RFC 9293 section 3.7.1).</summary>
    public int MaximumSize { get; init; } = 1460;

    /// <summary>Window scale it offers, -1 for none (RFC 7323).</summary>
    public int Scale { get; init; } = 7;

    /// <summary>Selective acknowledgments (RFC 2018), and with them duplicate ones (RFC 2883).</summary>
    public bool Sack { get; init; } = true;

    /// <summary>Timestamps and protection against wrapped numbers (RFC 7323).</summary>
    public bool Timestamps { get; init; } = true;

    /// <summary>Bytes it takes before the application reads.</summary>
    public int Buffer { get; init; } = 65_536;

    /// <summary>Acknowledges every second segment, or after 40 ms.</summary>
    public bool DelaysAcknowledgments { get; init; } = true;

    /// <summary>Sends data with the SYN, and takes it (RFC 7413).</summary>
    public bool FastOpen { get; init; }

    /// <summary>Probes a closed window with one byte of data (as BSD does); else with an old sequence number (as Linux does).</summary>
    public bool ProbesWithByte { get; init; }

    /// <summary>Keepalive probes carry a byte (RFC 9293 section 3.8.4).</summary>
    public bool KeepaliveWithByte { get; init; }

    /// <summary>Sends its FIN although the window is closed.</summary>
    public bool FinIgnoresWindow { get; init; }

    /// <summary>Milliseconds of silence before a keepalive probe; 0 for none.</summary>
    public int Keepalive { get; init; }

    /// <summary>Milliseconds in TIME_WAIT.</summary>
    public int TimeWait { get; init; } = 60_000;

    /// <summary>A host of chance.</summary>
    public static HostTraits Draw(Random random)
    {
        int buffer = random.Next(4) switch { 0 => random.Next(1_000, 5_000), 1 => random.Next(65_000, 400_000), _ => random.Next(5_000, 65_000) };
        int scale = random.Next(4) == 0 ? -1 : random.Next(0, 15);
        while (scale > 0 && buffer >> scale < 4) scale--;
        return new HostTraits
        {
            MaximumSize = random.Next(4) == 0 ? 536 : random.Next(500, 1461),
            Scale = scale,
            Sack = random.Next(4) != 0,
            Timestamps = random.Next(2) == 0,
            Buffer = buffer,
            DelaysAcknowledgments = random.Next(3) != 0,
            FastOpen = random.Next(6) == 0,
            ProbesWithByte = random.Next(2) == 0,
            KeepaliveWithByte = random.Next(2) == 0,
            FinIgnoresWindow = random.Next(2) == 0,
            Keepalive = random.Next(4) == 0 ? random.Next(5_000, 60_000) : 0,
            TimeWait = random.Next(1_000, 120_000),
        };
    }
}

/// <summary>What a host's application does with one connection.</summary>
internal sealed record HostJob
{
    /// <summary>How many bytes it sends.</summary>
    public int Bytes { get; init; }

    /// <summary>It sends half of them, is silent for so many milliseconds, and sends the rest. Less than a half-closed flow may idle.</summary>
    public int Silence { get; init; }

    /// <summary>Stops reading each time so many bytes came in; 0 never stops.</summary>
    public int PauseEvery { get; init; }

    /// <summary>For so many milliseconds.</summary>
    public int PauseFor { get; init; }

    /// <summary>Closes its half only when the other has closed; else as soon as all is sent.</summary>
    public bool ClosesLast { get; init; }

    /// <summary>Milliseconds after which it gives the connection up with a RST; 0 never.</summary>
    public int AbortAfter { get; init; }

    /// <summary>A job of chance.</summary>
    public static HostJob Draw(Random random) => new()
    {
        Bytes = random.Next(5) switch { 0 => 0, 1 => random.Next(1, 100), 2 => random.Next(10_000, 60_000), _ => random.Next(100, 10_000) },
        Silence = random.Next(6) == 0 ? random.Next(100, 800_000) : 0,
        PauseEvery = random.Next(4) == 0 ? random.Next(500, 20_000) : 0,
        PauseFor = random.Next(10, 20_000),
        ClosesLast = random.Next(3) == 0,
        AbortAfter = random.Next(12) == 0 ? random.Next(1, 5_000) : 0,
    };
}
