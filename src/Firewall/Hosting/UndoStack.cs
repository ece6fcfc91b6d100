using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>
/// What was set up and has to be taken down, last first. A step that fails does not keep the others from being taken down; it is logged.
/// </summary>
internal sealed partial class UndoStack(ILogger logger)
{
    private readonly Stack<(string What, Action Undo)> _steps = new();

    /// <summary>Remembers how to take something down.</summary>
    /// <param name="what">Its name, for the log.</param>
    /// <param name="undo">Takes it down.</param>
    public void Push(string what, Action undo) => _steps.Push((what, undo));

    /// <summary>Takes everything down; afterwards there is nothing left to do.</summary>
    public void Run()
    {
        while (_steps.TryPop(out (string What, Action Undo) step))
        {
#pragma warning disable CA1031 // Whatever went wrong: the remaining steps must run.
            try
            {
                step.Undo();
            }
            catch (Exception e)
            {
                Failed(logger, step.What, e);
            }
#pragma warning restore CA1031
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{What} could not be taken down")]
    private static partial void Failed(ILogger logger, string what, Exception exception);
}
