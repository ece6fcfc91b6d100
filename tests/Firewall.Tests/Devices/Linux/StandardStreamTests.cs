using System.IO.Pipes;
using Firewall.Devices.Linux;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

/// <summary>What is written by the system call arrives whole, also through a pipe that takes it in pieces.</summary>
public sealed class StandardStreamTests
{
    [Fact]
    public async Task More_than_a_pipe_holds_arrives_whole()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "descriptors");
        using var reader = new AnonymousPipeServerStream(PipeDirection.In);
        byte[] sent = new byte[1 << 20];
        new Random(1).NextBytes(sent);
        int descriptor = (int)reader.ClientSafePipeHandle.DangerousGetHandle();
        Task writing = Task.Run(() => new StandardStream(descriptor).Write(sent));
        byte[] received = new byte[sent.Length];
        await reader.ReadExactlyAsync(received);
        await writing;
        Assert.Equal(sent, received);
    }

    [Fact]
    public void A_reader_who_is_gone_is_told()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "descriptors");
        using var reader = new AnonymousPipeServerStream(PipeDirection.In);
        using var writer = new AnonymousPipeClientStream(PipeDirection.Out, reader.GetClientHandleAsString());
        reader.Dispose();
        int descriptor = (int)writer.SafePipeHandle.DangerousGetHandle();
        BrokenPipeException gone = Assert.Throws<BrokenPipeException>(() => new StandardStream(descriptor).Write([1]));
        Assert.StartsWith("EPIPE", gone.Message, StringComparison.Ordinal);
    }
}
