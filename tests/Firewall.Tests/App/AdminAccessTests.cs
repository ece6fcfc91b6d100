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
