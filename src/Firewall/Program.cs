using Firewall.Commands;
using Firewall.Devices.Linux;

// Here and not in the command, because the process may begin anew.
if (OperatingSystem.IsLinux() && args is ["run", ..]) LeastPrivilege.Ensure();
return FirewallCommand.Run(args, CommandStreams.OfProcess());
