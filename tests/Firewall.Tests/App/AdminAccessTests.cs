using System.Net.Sockets;
using Firewall.Admin;
using Firewall.Devices.Linux;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Who may do what by the admin socket, by the kernel's word.</summary>
public sealed class AdminAccessTests
{
    [Fact]
    public void Root_the_own_user_and_members_of_the_group_are_operators_and_another_group_may_look()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix sockets with owner and group");
        var access = new AdminAccess(77, 88);
        uint own = ProcessIdentity.EffectiveUser;
        Assert.Equal(AdminRole.Operator, access.RoleOf(new LocalPeer(1, 0, 0, [])));
        Assert.Equal(AdminRole.Operator, access.RoleOf(new LocalPeer(1, own, 5, [])));
        Assert.Equal(AdminRole.Operator, access.RoleOf(new LocalPeer(1, own + 5000, 77, [])));
        Assert.Equal(AdminRole.Operator, access.RoleOf(new LocalPeer(1, own + 5000, 88, [6, 77])));
        Assert.Equal(AdminRole.Reader, access.RoleOf(new LocalPeer(1, own + 5000, 5, [6, 88])));
        Assert.Equal(AdminRole.None, access.RoleOf(new LocalPeer(1, own + 5000, 5, [6])));
        Assert.Equal(AdminRole.None, new AdminAccess(null, null).RoleOf(new LocalPeer(1, own + 5000, 0, [0])));
    }

    [Fact]
    public void Nobody_keeps_others_out_by_connections_that_he_leaves_open()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix sockets with owner and group");
        uint user = ProcessIdentity.EffectiveUser + 5000;
        var places = new SocketPlaces();
        Assert.Equal((SocketPlaces.MostOfUser, 429), Fill(user, AdminRole.Reader));
        Assert.Equal((SocketPlaces.MostOfUser, 429), Fill(user + 1, AdminRole.Reader));
        Assert.Equal((0, 503), Fill(user + 2, AdminRole.Reader));
        Assert.Equal((SocketPlaces.MostOfUser, 429), Fill(user + 3, AdminRole.Operator));
        Assert.Equal((SocketPlaces.Most - SocketPlaces.KeptForRoot - (3 * SocketPlaces.MostOfUser), 503), Fill(user + 4, AdminRole.Operator));
        Assert.Equal((SocketPlaces.KeptForRoot, 503), Fill(0, AdminRole.Operator));

        // A place that was given back is there for others.
        places.GiveBack(Peer(user), AdminRole.Reader);
        Assert.Equal((1, 503), Fill(0, AdminRole.Operator));
        for (int i = 0; i <= SocketPlaces.KeptForRoot; i++) places.GiveBack(Peer(0), AdminRole.Operator);
        Assert.Equal((1, 503), Fill(user + 2, AdminRole.Reader));

        (int Taken, int Status) Fill(uint who, AdminRole role)
        {
            for (int taken = 0; ; taken++)
            {
                if (places.Take(Peer(who), role) is { } problem) return (taken, problem.Status);
            }
        }

        static LocalPeer Peer(uint who) => new(1, who, 5, []);
    }

    [Fact]
    public void A_connection_tells_who_is_at_its_other_end()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix sockets with owner and group");
        using var folder = new TempFolder();
        string path = folder["own.sock"];
        using Socket listener = ListeningSocketFile.Bind(path, null);
        listener.Listen();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        using Socket accepted = listener.Accept();
        var peer = LocalPeer.Of(accepted);
        Assert.Equal(Environment.ProcessId, peer.Process);
        Assert.Equal(ProcessIdentity.EffectiveUser, peer.User);
        Assert.True(peer.IsMember(peer.Group));
        ListeningSocketFile.Remove(path);
        Assert.False(File.Exists(path));
    }
}
