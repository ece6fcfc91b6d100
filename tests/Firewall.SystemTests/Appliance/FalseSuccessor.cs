using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Somebody who talks like a successor of the appliance on the gateway, and goes away without having taken over.</summary>
internal sealed class FalseSuccessor : IDisposable
{
    private readonly Socket _socket;

    /// <summary>Connects, and hears the offer.</summary>
    public FalseSuccessor(Lab lab)
    {
        _socket = lab.Gateway.Inside(() =>
        {
            var connected = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 5000 };
            connected.Connect(new UnixDomainSocketEndPoint("\0firewall/fw0"));
            return connected;
        });
        Assert.NotEqual(0, _socket.Receive(new byte[4096]));
    }

    /// <summary>Says a word that nobody answers.</summary>
    public void Say(string word) => _socket.Send(Encoding.ASCII.GetBytes(word + "\n"));

    /// <summary>Says a word, and waits for the answer.</summary>
    public void Ask(string word)
    {
        Say(word);
        byte[] one = new byte[1];
        do
        {
            Assert.Equal(1, _socket.Receive(one));
        }
        while (one[0] != (byte)'\n');
    }

    public void Dispose() => _socket.Dispose();
}
