namespace Firewall.Core.Rules.Reading;

/// <summary>An expression cannot be worked out; the message says why. Never leaves <see cref="TemplateScope"/>.</summary>
internal sealed class TemplateException(string message) : Exception(message);
