using Firewall.Core.Engine;

namespace Firewall.Logs;

/// <summary>Whoever wants to know of denied packets; see <see cref="DropLogPump"/>.</summary>
internal interface IDropWatcher
{
    /// <summary>Takes one denied packet. Called by one thread at a time, and must not wait.</summary>
    void Add(in DropEvent drop);
}
