using System.Runtime.InteropServices;
using Spectre.Console;

namespace Firewall.Commands;

/// <summary>
/// While it is there, the first SIGINT (Ctrl+C) or SIGTERM asks a command to end. The second one ends the process, for a command that waits for
/// something which does not come.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _asked = new();
    private readonly PosixSignalRegistration[] _signals;
    private readonly IAnsiConsole _console;

    /// <summary>Begins to listen.</summary>
    /// <param name="console">Where the command hides the cursor meanwhile.</param>
    public Interruption(IAnsiConsole console)
    {
        _console = console;
        _signals = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask)];
    }

    /// <summary>The command shall end.</summary>
    public CancellationToken Token => _asked.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals) signal.Dispose();
        _asked.Dispose();
    }

    private void Ask(PosixSignalContext signal)
    {
        if (_asked.IsCancellationRequested)
        {
            _console.Cursor.Show(show: true);
            return;
        }

        signal.Cancel = true;
        _asked.Cancel();
    }
}
