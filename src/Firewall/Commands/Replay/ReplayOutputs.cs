using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Captures;
using Firewall.Devices.Linux;
using Firewall.Hosting;

namespace Firewall.Commands.Replay;

/// <summary>
/// The files that a replay writes. They are written in place, not renamed at the end: what was written before an error is there, and
/// whole lines and whole records.
/// </summary>
internal sealed class ReplayOutputs : IDisposable
{
    private readonly Output<VerdictLineWriter>? _verdicts;
    private readonly Output<CaptureWriter>? _allowed;
    private readonly Output<CaptureWriter>? _denied;
    private readonly List<Stream> _files = [];

    /// <summary>Opens all files that were asked for.</summary>
    /// <exception cref="ApplianceException">A file cannot be written.</exception>
    public ReplayOutputs(ReplayRequest request, CaptureReader capture, RuleCatalog catalog, CommandStreams streams)
    {
        try
        {
            if (request.Verdicts is { } verdicts)
            {
                Stream stream = verdicts == ReplayRequest.Standard ? streams.Output : Create(verdicts);
                _verdicts = new(verdicts == ReplayRequest.Standard ? "standard output" : verdicts, new VerdictLineWriter(stream, catalog));
            }

            if (request.Allowed is { } allowed) _allowed = new(allowed, new CaptureWriter(Create(allowed), capture));
            if (request.Denied is { } denied) _denied = new(denied, new CaptureWriter(Create(denied), capture));
        }
        catch
        {
            foreach (Stream file in _files) file.Dispose();
            throw;
        }
    }

    /// <summary>Packets that had no place in the file of allowed or denied ones; see <see cref="CaptureWriter"/>.</summary>
    public long LeftOut { get; private set; }

    /// <summary>Writes the line of one packet, if lines are wanted.</summary>
    /// <exception cref="ApplianceException">The file cannot be written.</exception>
    /// <exception cref="BrokenPipeException">Nobody reads standard output any more.</exception>
    public void WriteLine(long number, long timestamp, in PacketInfo info, in Verdict verdict)
    {
        if (_verdicts is not { } lines) return;
        try
        {
            lines.Writer.Write(number, timestamp, info, verdict);
        }
        catch (IOException e) when (e is not BrokenPipeException)
        {
            throw new ApplianceException($"{lines.Name} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Writes one packet to the file of allowed or denied ones, if it is wanted.</summary>
    /// <exception cref="ApplianceException">The file cannot be written.</exception>
    public void WriteFrame(in CapturedPacket packet, bool isAllowed)
    {
        if ((isAllowed ? _allowed : _denied) is not { } frames) return;
        try
        {
            if (!frames.Writer.Write(packet)) LeftOut++;
        }
        catch (IOException e)
        {
            throw new ApplianceException($"{frames.Name} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Writes out what is held back. Every file is tried, whatever happened before.</summary>
    /// <exception cref="ApplianceException">A file cannot be written.</exception>
    /// <exception cref="BrokenPipeException">Nobody reads standard output any more.</exception>
    public void Finish()
    {
        List<string> problems = [];
        Try(_allowed?.Name, () => _allowed!.Writer.Flush());
        Try(_denied?.Name, () => _denied!.Writer.Flush());
        // Last, since nobody may read them any more.
        Try(_verdicts?.Name, () => _verdicts!.Writer.Flush());
        if (problems.Count > 0) throw new ApplianceException(string.Join('\n', problems));

        void Try(string? name, Action flush)
        {
            if (name is null) return;
            try
            {
                flush();
            }
            catch (IOException e) when (e is not BrokenPipeException)
            {
                problems.Add($"{name} cannot be written: {e.Message}");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _verdicts?.Writer.Dispose();
        // What could not be written was told by Finish.
        foreach (Output<CaptureWriter>? frames in (Output<CaptureWriter>?[])[_allowed, _denied])
        {
            try
            {
                frames?.Writer.Dispose();
            }
            catch (IOException)
            {
                continue;
            }
        }

        foreach (Stream file in _files) file.Dispose();
    }

    private FileStream Create(string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            _files.Add(file);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ApplianceException($"{path} cannot be written: {e.Message}", e);
        }
    }

    private sealed record Output<T>(string Name, T Writer);
}
