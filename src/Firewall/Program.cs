using Firewall.Commands;

return FirewallCommand.Run(args, CommandStreams.OfProcess());
