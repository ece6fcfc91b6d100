using System.IO.Pipes;
using System.Runtime.Versioning;
using System.Security.Principal;

namespace Firewall.Devices.Windows.Pipes;

/// <summary>Who may use the pipe of an appliance, and whom a client believes to be one.</summary>
[SupportedOSPlatform("windows")]
public static class PipeRights
{
    // Owned by administrators. Nobody over the network (NU), whoever it is; whole access for the system and for administrators, none for anybody
    // else; nothing inherited. A process whose administrator's rights are switched off (UAC) is none.
    private const string Rights = "O:BAD:P(D;;FA;;;NU)(A;;FA;;;SY)(A;;FA;;;BA)";

    /// <summary>For a new pipe: the system and administrators of this machine, and nobody from another one.</summary>
    public static PipeSecurity OfAdministrators()
    {
        var rights = new PipeSecurity();
        rights.SetSecurityDescriptorSddlForm(Rights);
        return rights;
    }

    /// <summary>
    /// True if the pipe was made by an administrator or the system. Anybody may make a pipe of a name that is not taken, and wait for who trusts it.
    /// </summary>
    /// <param name="pipe">The client's end, connected.</param>
    public static bool IsOfAdministrators(PipeStream pipe)
    {
        var owner = (SecurityIdentifier?)pipe.GetAccessControl().GetOwner(typeof(SecurityIdentifier));
        return owner is not null && (owner.IsWellKnown(WellKnownSidType.BuiltinAdministratorsSid) || owner.IsWellKnown(WellKnownSidType.LocalSystemSid));
    }
}
