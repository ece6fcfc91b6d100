using System.Runtime.InteropServices;
using Firewall.Devices.Windows.Interop;

namespace Firewall.Devices.Windows.Services;

/// <summary>Installs and removes a service of Windows, through the service control manager.</summary>
public static class WindowsService
{
    private const uint ManagerConnect = 1;
    private const uint ManagerCreate = 2;
    private const uint AllAccess = 0xf01ff;
    private const uint OwnProcess = 0x10;
    private const uint StartAutomatically = 2;
    private const uint ErrorNormal = 1;
    private const uint DescriptionLevel = 1;
    private const uint FailureActionsLevel = 2;
    private const uint StopControl = 1;
    private const uint Stopped = 1;
    private const int ActionRestart = 1;
    private const int RestartMilliseconds = 1000;
    private const uint ResetSeconds = 24 * 60 * 60;
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(30);

    /// <summary>Installs a service that starts with the machine, as LocalSystem, and again a second after it failed.</summary>
    /// <param name="name">Its name, also in the event log.</param>
    /// <param name="displayName">Its name for people.</param>
    /// <param name="description">What it does.</param>
    /// <param name="commandLine">What is started, quoted as Windows wants it.</param>
    /// <exception cref="WindowsServiceException">It is there already, or Windows refused.</exception>
    public static void Install(string name, string displayName, string description, string commandLine)
    {
        nint manager = OpenManager(ManagerConnect | ManagerCreate);
        try
        {
            nint service = ServiceCalls.Create(
                manager, name, displayName, AllAccess, OwnProcess, StartAutomatically, ErrorNormal, commandLine, null, 0, null, null, null);
            if (service == 0) throw Failed($"service {name} cannot be installed");
            try
            {
                Describe(service, description);
                RestartOnFailure(service);
            }
            finally
            {
                _ = ServiceCalls.Close(service);
            }
        }
        finally
        {
            _ = ServiceCalls.Close(manager);
        }
    }

    /// <summary>Stops a service and removes it.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="WindowsServiceException">There is none, it does not stop, or Windows refused.</exception>
    public static void Remove(string name)
    {
        nint manager = OpenManager(ManagerConnect);
        try
        {
            nint service = ServiceCalls.Open(manager, name, AllAccess);
            if (service == 0) throw Failed($"service {name} cannot be removed");
            try
            {
                Stop(service, name);
                if (ServiceCalls.Delete(service) == 0) throw Failed($"service {name} cannot be removed");
            }
            finally
            {
                _ = ServiceCalls.Close(service);
            }
        }
        finally
        {
            _ = ServiceCalls.Close(manager);
        }
    }

    private static nint OpenManager(uint access)
    {
        nint manager = ServiceCalls.OpenManager(null, null, access);
        return manager != 0 ? manager : throw Failed("the service control manager cannot be reached");
    }

    private static void Describe(nint service, string text)
    {
        nint memory = Marshal.StringToHGlobalUni(text);
        try
        {
            var description = new ServiceDescription { Text = memory };
            if (ServiceCalls.Configure(service, DescriptionLevel, in description) == 0) throw Failed("the service cannot be described");
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private static void RestartOnFailure(nint service)
    {
        // One SC_ACTION: what to do, and after how long. The last one counts for every further failure.
        nint memory = Marshal.AllocHGlobal(2 * sizeof(int));
        try
        {
            Marshal.WriteInt32(memory, ActionRestart);
            Marshal.WriteInt32(memory, sizeof(int), RestartMilliseconds);
            var actions = new ServiceFailureActions { ResetSeconds = ResetSeconds, Count = 1, Actions = memory };
            if (ServiceCalls.Configure(service, FailureActionsLevel, in actions) == 0) throw Failed("the service cannot be told to start again after a failure");
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private static void Stop(nint service, string name)
    {
        if (ServiceCalls.Query(service, out ServiceStatus status) == 0) throw Failed($"service {name} does not say how it is");
        if (status.State != Stopped) _ = ServiceCalls.Control(service, StopControl, out status);
        long deadline = Environment.TickCount64 + (long)LongestStop.TotalMilliseconds;
        while (ServiceCalls.Query(service, out status) != 0 && status.State != Stopped)
        {
            if (Environment.TickCount64 > deadline) throw new WindowsServiceException($"service {name} does not stop; it was not removed");
            Thread.Sleep(100);
        }
    }

    private static WindowsServiceException Failed(string what) => new($"{what}: {TextOf((Win32Error)Marshal.GetLastPInvokeError())}");

    private static string TextOf(Win32Error error) => error switch
    {
        Win32Error.AccessDenied => "access is denied; run it as administrator",
        Win32Error.ServiceDoesNotExist => "there is no such service",
        Win32Error.ServiceExists => "it is there already; remove it first",
        Win32Error.ServiceMarkedForDelete => "it is about to be removed; close what shows it (services.msc) and try again",
        _ => Win32ErrorText.Of(error),
    };
}
