using Firewall.Devices.Linux;
using Firewall.Hosting.Handover;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin;

/// <summary>
/// The connections that the admin socket has room for, shared out so that nobody keeps others out, whatever he leaves open: least of all readers
/// the operators, and anybody root and the appliance's own user. For any thread.
/// </summary>
internal sealed class SocketPlaces
{
    /// <summary>The most connections in all.</summary>
    public const int Most = 64;

    /// <summary>The most of these that readers have.</summary>
    public const int MostOfReaders = 32;

    /// <summary>The most that one user has, whatever his role.</summary>
    public const int MostOfUser = 16;

    /// <summary>So many are there for root and the own user only, to whom no other limit applies.</summary>
    public const int KeptForRoot = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, int> _ofUsers = [];
    private int _all;
    private int _ofReaders;

    /// <summary>Takes a place; whoever got one gives it back.</summary>
    /// <returns>Why there is none; null if there was one.</returns>
    public AdminProblem? Take(LocalPeer peer, AdminRole role)
    {
        lock (_lock)
        {
            int own = _ofUsers.GetValueOrDefault(peer.User);
            if (_all >= Most) return Full($"all {Most} connections of this socket are in use");
            if (!PeerUser.IsTrusted(peer.User))
            {
                if (own >= MostOfUser)
                    return new AdminProblem(StatusCodes.Status429TooManyRequests, [$"you have {own} connections to this socket already, the most that a user may have; end one of them"]) { Refusal = AdminRefusal.Connections };
                if (role < AdminRole.Operator && _ofReaders >= MostOfReaders) return Full($"all {MostOfReaders} connections that this socket has for readers are in use");
                if (_all >= Most - KeptForRoot) return Full("all connections of this socket are in use but those that are kept for root");
            }

            _all++;
            _ofUsers[peer.User] = own + 1;
            if (role < AdminRole.Operator) _ofReaders++;
            return null;
        }
    }

    /// <summary>Gives a place back.</summary>
    /// <param name="peer">As when it was taken.</param>
    /// <param name="role">As when it was taken.</param>
    public void GiveBack(LocalPeer peer, AdminRole role)
    {
        lock (_lock)
        {
            _all--;
            if (role < AdminRole.Operator) _ofReaders--;
            if (--_ofUsers[peer.User] == 0) _ofUsers.Remove(peer.User);
        }
    }

    private static AdminProblem Full(string what) => new(StatusCodes.Status503ServiceUnavailable, [$"{what}; try again later"]) { Refusal = AdminRefusal.Connections };
}
