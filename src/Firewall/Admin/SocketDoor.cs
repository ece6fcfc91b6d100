using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Firewall.Admin;

/// <summary>The way into the admin API by its socket: for whom the kernel names as one who may, as long as there is a place for him.</summary>
/// <param name="access">Who may.</param>
/// <param name="refusals">Counts who is sent away.</param>
/// <param name="patience">How long to wait for the request of somebody who is sent away.</param>
internal sealed class SocketDoor(AdminAccess access, AdminRefusals refusals, TimeSpan patience)
{
    // Whoever is sent away while so many others are is not told why.
    private const int MostSentAway = 32;

    private readonly SocketPlaces _places = new();
    private int _sentAway;

    /// <summary>Lets a connection in, or tells why not. Nobody looks into the request of who is sent away.</summary>
    public async Task AdmitAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.Features.Get<IConnectionSocketFeature>() is not { } feature || access.Admit(feature.Socket) is not { } peer)
        {
            await SendAwayAsync(
                connection,
                new AdminProblem(StatusCodes.Status403Forbidden, ["only root and members of the appliance's groups (Firewall:Admin:Group, ReaderGroup) may use this socket"]) { Refusal = AdminRefusal.Caller });
            return;
        }

        AdminRole role = access.RoleOf(peer);
        if (_places.Take(peer, role) is { } problem)
        {
            await SendAwayAsync(connection, problem);
            return;
        }

        try
        {
            connection.Features.Set(peer);
            connection.Features.Set(new AdminPass(role));
            await next(connection);
        }
        finally
        {
            _places.GiveBack(peer, role);
        }
    }

    private async Task SendAwayAsync(ConnectionContext connection, AdminProblem problem)
    {
        refusals.Add(problem);
        try
        {
            if (Interlocked.Increment(ref _sentAway) <= MostSentAway) await AnswerAsync(connection, problem);
        }
        finally
        {
            Interlocked.Decrement(ref _sentAway);
        }
    }

    private async Task AnswerAsync(ConnectionContext connection, AdminProblem problem)
    {
        // Not before it is there: a program whose connection is closed while it is still about to ask takes that for a failure to connect.
        using (var limit = new CancellationTokenSource(patience))
        {
            try
            {
                ReadResult request = await connection.Transport.Input.ReadAsync(limit.Token);
                connection.Transport.Input.AdvanceTo(request.Buffer.End);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }

        byte[] body = AdminProblem.Body(problem.Errors);
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"HTTP/1.1 {problem.Status} {ReasonPhrases.GetReasonPhrase(problem.Status)}\r\nContent-Type: {AdminApi.Json}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        await connection.Transport.Output.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body]);
    }
}
