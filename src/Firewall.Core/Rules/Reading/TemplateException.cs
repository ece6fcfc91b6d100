using System.Runtime.CompilerServices;

namespace Firewall.Core.Rules.Reading;

/// <summary>An expression cannot be worked out; the message says why. Never leaves <see cref="TemplateScope"/>.</summary>
internal sealed class TemplateException(string message) : Exception(message)
{
    /// <summary>Ends a recursion while there is stack left: an overflow could not be caught.</summary>
    public static void ThrowIfTooDeep()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new TemplateException("the value is nested too deep");
    }
}
