using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>The kernel refused a netlink request, or an answer could not be read.</summary>
public sealed class NetlinkException : IOException
{
    /// <summary>An error without a number, such as an answer that cannot be read.</summary>
    public NetlinkException(string message)
        : base(message)
    {
    }

    internal NetlinkException(string what, Errno errno, string? kernelText = null)
        : base(Compose(what, errno, kernelText)) => Error = errno;

    internal Errno Error { get; }

    private static string Compose(string what, Errno errno, string? kernelText)
    {
        string reason = kernelText is null ? errno.Describe() : $"{errno.Describe()}: {kernelText.TrimEnd('.')}";
        string remedy = errno switch
        {
            Errno.EPERM or Errno.EACCES => "; this needs the capability CAP_NET_ADMIN (run as root, or `docker run --cap-add NET_ADMIN`)",
            _ => "",
        };
        return $"{what} failed ({reason}){remedy}";
    }
}
