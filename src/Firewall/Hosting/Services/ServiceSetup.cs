using System.Runtime.Versioning;
using Firewall.Devices.Windows.Services;
using Microsoft.Win32;

namespace Firewall.Hosting.Services;

/// <summary>The appliance as a service of Windows: what is made when it is installed, and taken away when it is removed.</summary>
[SupportedOSPlatform("windows")]
internal static class ServiceSetup
{
    /// <summary>The service's name, and its source in the event log.</summary>
    public const string Name = ApplianceHost.ServiceName;

    private const string EventSource = @"SYSTEM\CurrentControlSet\Services\EventLog\Application\" + Name;

    /// <summary>Installs the service with its event source, and makes its folder if that is the one it uses.</summary>
    /// <param name="configuration">Full path of the configuration.</param>
    public static void Install(string configuration)
    {
        if (Path.GetDirectoryName(configuration) == ProgramData.Folder) ProgramData.Make();
        WindowsService.Install(
            Name,
            "Firewall",
            "Judges packets of a Wintun adapter by the rules of Azure network security groups.",
            $"\"{Environment.ProcessPath}\" run --config \"{configuration}\"");

        // Windows' own EventCreate.exe has a text that is nothing but the message; without one the viewer would complain at each entry.
        using RegistryKey source = Registry.LocalMachine.CreateSubKey(EventSource);
        source.SetValue("EventMessageFile", @"%SystemRoot%\System32\EventCreate.exe", RegistryValueKind.ExpandString);
        source.SetValue("TypesSupported", (int)(EventLogKind.Error | EventLogKind.Warning | EventLogKind.Information), RegistryValueKind.DWord);
    }

    /// <summary>Stops and removes the service and its event source. Its folder stays: it has the operator's rules.</summary>
    public static void Remove()
    {
        WindowsService.Remove(Name);
        Registry.LocalMachine.DeleteSubKeyTree(EventSource, throwOnMissingSubKey: false);
    }
}
