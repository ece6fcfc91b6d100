namespace Firewall.Devices.Linux.Probing;

/// <summary>
/// Finds out by packets of its own whether the offloads that the kernel grants do what they should
/// (docs/decisions/0031-offload-probe.md). First what must work without any; then one offload after the other, on top of those that were
/// found good. Only an offload whose exchange fails where the same exchange without it came through is called misbehaving.
/// </summary>
internal sealed class OffloadProbe
{
    /// <summary>How long the whole probe may take, in milliseconds.</summary>
    public const int LimitMilliseconds = 200;

    // Everything happens in the calls of one thread; so long a silence means that nothing comes.
    private const int BaselinePatience = 15;
    private const int Patience = 40;
    private const TunOffloads Uso = TunOffloads.Uso4 | TunOffloads.Uso6;
    private const TunOffloads Tso = TunOffloads.Tso4 | TunOffloads.Tso6;

    private readonly ProbeExchange _exchange;
    private readonly TunOffloads _granted;
    private readonly List<ProbePath> _paths = [];
    private readonly List<string> _faults = [];
    private readonly List<string> _untested = [];
    private TunOffloads _misbehaving;
    private TunOffloads _good;
    private bool _isOver;

    private OffloadProbe(IProbeKernel kernel, TunOffloads granted, int limitMilliseconds)
    {
        _granted = granted;
        _exchange = new ProbeExchange(kernel, Environment.TickCount64 + limitMilliseconds);
    }

    /// <summary>
    /// Probes a TUN that is made for it in the calling thread's network namespace and is gone afterwards. Never throws: where it cannot be done,
    /// the findings say why.
    /// </summary>
    /// <param name="devicePath">The driver's device file.</param>
    /// <param name="wanted">The offloads to probe, as far as the kernel grants them.</param>
    public static OffloadFindings Run(string devicePath, TunOffloads wanted)
    {
        long start = Environment.TickCount64;
        try
        {
            using ProbeTun tun = ProbeTun.Make(devicePath);
            TunOffloads granted = tun.Request(wanted);
            return Run(tun, granted, (int)(LimitMilliseconds - (Environment.TickCount64 - start)));
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            return OffloadFindings.NotRun(failure.Message);
        }
    }

    /// <summary>Probes offloads of this kernel.</summary>
    /// <param name="kernel">What is probed; its offloads are of no meaning afterwards.</param>
    /// <param name="granted">The offloads that it takes.</param>
    /// <param name="limitMilliseconds">How long it may take.</param>
    public static OffloadFindings Run(IProbeKernel kernel, TunOffloads granted, int limitMilliseconds)
    {
        var probe = new OffloadProbe(kernel, granted, limitMilliseconds);
        if ((granted & TunOffloads.Checksum) != 0) probe.Go();
        return new OffloadFindings(probe._misbehaving, probe._faults, probe._untested.Count > 0 ? string.Join("; ", probe._untested) : null);
    }

    private void Go()
    {
        foreach (ProbePath path in ProbePath.All)
        {
            ProbeOutcome outcome = default;
            for (int i = 0; i < TriesOf(path) && (i == 0 || outcome.Verdict == ProbeVerdict.Silent); i++)
                outcome = Exchange(path, TunOffloads.None, ProbeWay.AsRead, ProbeMessage.Plain(path), BaselinePatience);
            if (outcome.Verdict == ProbeVerdict.Right) _paths.Add(path);
            else Untested($"{path} ({(outcome.Verdict == ProbeVerdict.Silent ? "nothing comes back" : outcome.What)})");
        }

        Step(TunOffloads.Checksum, TunOffloads.Checksum, Plain(TunOffloads.Checksum));
        if ((_good & TunOffloads.Checksum) == 0) return; // the others need it
        foreach (bool isIPv4 in (ReadOnlySpan<bool>)[true, false])
        {
            TunOffloads step = isIPv4 ? TunOffloads.Tso4 : TunOffloads.Tso6;
            Step(step, step, Streams(new ProbePath(isIPv4, true), _good | step));
        }

        // Without super-packets there are none with ECN bits: the kernel takes this only together with one of them.
        if ((_misbehaving & Tso) != 0 && (_granted & Tso & ~_misbehaving) == 0) _misbehaving |= _granted & TunOffloads.TsoEcn;
        else Step(TunOffloads.TsoEcn, TunOffloads.TsoEcn, Marked(_good | TunOffloads.TsoEcn));
        Step(Uso, Uso, Datagrams(_good | Uso));
    }

    // The kernel receives at a new IPv6 address only when a work queue of its has been there, which a busy machine lets wait. Where IPv4 is
    // silent too it is not for that.
    private int TriesOf(ProbePath path) => !path.IsIPv4 && !path.IsTcp && _paths.Count > 0 ? 4 : 1;

    private void Step(TunOffloads offload, TunOffloads all, IEnumerable<ProbeOutcome> exchanges)
    {
        if (_isOver || (_granted & all) != all) return;
        foreach (ProbeOutcome outcome in exchanges)
        {
            switch (outcome.Verdict)
            {
                case ProbeVerdict.Right:
                    break;
                case ProbeVerdict.OutOfTime:
                    return;
                case ProbeVerdict.NotBegun:
                    Untested($"{offload} ({outcome.What})");
                    break;
                default:
                    // The others need checksums.
                    _misbehaving |= offload == TunOffloads.Checksum ? _granted : offload;
                    _faults.Add($"{offload}: {outcome.What}");
                    return;
            }
        }

        _good |= offload;
    }

    private IEnumerable<ProbeOutcome> Plain(TunOffloads offloads)
    {
        foreach (ProbePath path in _paths) yield return Try(path, offloads, ProbeWay.AsRead, ProbeMessage.Plain(path));
    }

    private IEnumerable<ProbeOutcome> Streams(ProbePath path, TunOffloads offloads)
    {
        if (!_paths.Contains(path)) yield break;
        yield return Try(path, offloads, ProbeWay.AsRead, ProbeMessage.Stream(() => _exchange.SegmentSize));

        // Without segmentation by the TUN single packets come, of which we make super-packets.
        yield return Try(path, TunOffloads.Checksum, ProbeWay.Coalesced, ProbeMessage.SingleSegments);
    }

    private IEnumerable<ProbeOutcome> Marked(TunOffloads offloads)
    {
        foreach (ProbePath path in _paths)
        {
            bool isOn = path.IsTcp && (_good & (path.IsIPv4 ? TunOffloads.Tso4 : TunOffloads.Tso6)) != 0;
            if (isOn) yield return Try(path, offloads, ProbeWay.Marked, [new(20_000, 0), new(20_001, 0)]);
        }
    }

    private IEnumerable<ProbeOutcome> Datagrams(TunOffloads offloads)
    {
        foreach (ProbePath path in _paths)
        {
            if (path.IsTcp) continue;
            yield return Try(path, offloads, ProbeWay.AsRead, ProbeMessage.Datagrams);
            yield return Try(path, offloads, ProbeWay.Coalesced, ProbeMessage.SingleDatagrams);
        }
    }

    // One silence may be somebody else's doing, a full queue or a firewall that is just being set up.
    private ProbeOutcome Try(ProbePath path, TunOffloads offloads, ProbeWay way, IEnumerable<ProbeMessage> messages)
    {
        ProbeOutcome outcome = Exchange(path, offloads, way, messages, Patience);
        if (outcome.Verdict == ProbeVerdict.Silent) outcome = Exchange(path, offloads, way, messages, Patience);
        return outcome with { What = $"{path}: {outcome.What}" };
    }

    private ProbeOutcome Exchange(ProbePath path, TunOffloads offloads, ProbeWay way, IEnumerable<ProbeMessage> messages, int patience)
    {
        if (_isOver) return new(ProbeVerdict.OutOfTime, "no time left");
        ProbeOutcome outcome = _exchange.Run(path, offloads, way, messages, patience);
        if (outcome.Verdict != ProbeVerdict.OutOfTime) return outcome;
        _isOver = true;
        Untested($"what was left to try when the time was over, from {path} with {offloads} on");
        return outcome with { What = "no time left" };
    }

    private void Untested(string what)
    {
        if (!_untested.Contains(what)) _untested.Add(what);
    }
}
