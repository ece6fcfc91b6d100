using System.Net;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin.Remote;

/// <summary>
/// The connections that a listener by TCP has room for. Whoever comes is a stranger until he shows a token, and strangers take no place from
/// those who have; where no token is asked for, as for metrics, all are strangers. Where there are too many of them, the one who has waited longest of the address that sends most makes room for the next.
/// For any thread.
/// </summary>
internal sealed class TcpPlaces
{
    /// <summary>The most connections that have shown no token.</summary>
    public const int MostOfStrangers = 64;

    /// <summary>The most connections of each role.</summary>
    public const int MostOfRole = 32;

    private readonly Lock _lock = new();
    private readonly List<TcpPlace> _strangers = [];
    private readonly int[] _ofRole = new int[Enum.GetValues<AdminRole>().Length];

    /// <summary>A place for a new connection; there always is one.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="abort">Ends it.</param>
    public TcpPlace Enter(IPAddress? address, Action abort)
    {
        var place = new TcpPlace(this, address, abort);
        TcpPlace? gone = null;
        lock (_lock)
        {
            if (_strangers.Count >= MostOfStrangers)
            {
                gone = _strangers.GroupBy(stranger => stranger.Address).MaxBy(group => group.Count())!.First();
                _strangers.Remove(gone);
            }

            _strangers.Add(place);
        }

        gone?.Abort();
        return place;
    }

    /// <summary>Somebody has shown a token on this connection.</summary>
    /// <exception cref="AdminProblem">There is no place for one more of that role.</exception>
    public void Become(TcpPlace place, AdminRole role)
    {
        lock (_lock)
        {
            if (place.Role == role) return;
            if (_ofRole[(int)role] >= MostOfRole)
            {
                throw new AdminProblem(
                    StatusCodes.Status503ServiceUnavailable, [$"all {MostOfRole} connections for the role {role} are in use; end one of them, or try again later"])
                {
                    Refusal = AdminRefusal.Connections,
                };
            }

            Remove(place);
            _ofRole[(int)role]++;
            place.Role = role;
        }
    }

    /// <summary>Gives a place back.</summary>
    public void Leave(TcpPlace place)
    {
        lock (_lock) Remove(place);
    }

    private void Remove(TcpPlace place)
    {
        if (place.Role == AdminRole.None) _strangers.Remove(place);
        else _ofRole[(int)place.Role]--;
    }
}

/// <summary>The place of one connection; a feature of it.</summary>
/// <param name="places">All of them.</param>
/// <param name="address">Where it comes from.</param>
/// <param name="abort">Ends it.</param>
internal sealed class TcpPlace(TcpPlaces places, IPAddress? address, Action abort) : IDisposable
{
    /// <summary>Where it comes from.</summary>
    public IPAddress? Address => address;

    /// <summary>What the token is good for that was shown last.</summary>
    public AdminRole Role { get; set; }

    /// <summary>Ends the connection.</summary>
    public void Abort() => abort();

    /// <inheritdoc cref="TcpPlaces.Become"/>
    public void Become(AdminRole role) => places.Become(this, role);

    /// <inheritdoc/>
    public void Dispose() => places.Leave(this);
}
