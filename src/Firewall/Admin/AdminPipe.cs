using System.IO.Pipes;
using System.Net;
using System.Runtime.Versioning;
using Firewall.Devices.Windows.Pipes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Firewall.Admin;

/// <summary>
/// Kestrel's transport over named pipes, beside the one over sockets: a server takes one factory only. Windows itself keeps out who may not use
/// the pipe (<see cref="PipeRights"/>), so that nobody has to be sent away.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed class AdminPipe(IConnectionListenerFactory sockets) : IConnectionListenerFactory, IDisposable
{
    private readonly ServiceProvider _services = Services();

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        IConnectionListenerFactory factory = endpoint is NamedPipeEndPoint ? _services.GetRequiredService<IConnectionListenerFactory>() : sockets;
        return factory.BindAsync(endpoint, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _services.DisposeAsync().AsTask().GetAwaiter().GetResult(); // some of them can be disposed in no other way

    // Kestrel's factory is to be had from a web host's services only.
    private static ServiceProvider Services()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        bool isMade = false;
        builder.WebHost.UseNamedPipes(options =>
        {
            options.CurrentUserOnly = false;
            options.PipeSecurity = PipeRights.OfAdministrators();
            options.CreateNamedPipeServerStream = context =>
            {
                // A name that somebody else has taken is refused, instead of waiting beside him for who comes.
                PipeOptions first = Interlocked.Exchange(ref isMade, true) ? PipeOptions.None : PipeOptions.FirstPipeInstance;
                return NamedPipeServerStreamAcl.Create(
                    context.NamedPipeEndPoint.PipeName,
                    PipeDirection.InOut,
                    NamedPipeServerStream.MaxAllowedServerInstances,
                    PipeTransmissionMode.Byte,
                    context.PipeOptions | first,
                    inBufferSize: 0,
                    outBufferSize: 0,
                    context.PipeSecurity);
            };
        });
        return builder.Services.BuildServiceProvider();
    }
}
