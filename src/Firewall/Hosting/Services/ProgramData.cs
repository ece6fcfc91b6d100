using System.Runtime.Versioning;
using System.Security.AccessControl;

namespace Firewall.Hosting.Services;

/// <summary>The appliance's folder on Windows: configuration, rules, and what it writes down.</summary>
internal static class ProgramData
{
    // Whole access for the system and for administrators, none for anybody else; nothing inherited.
    private const string Rights = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";

    /// <summary>Its full path.</summary>
    public static string Folder => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "Firewall");

    /// <summary>The full path of a file in it.</summary>
    public static string File(string name) => Path.Combine(Folder, name);

    /// <summary>Makes the folder, with rights for the system and for administrators only; leaves one that is there as it is.</summary>
    [SupportedOSPlatform("windows")]
    public static void Make()
    {
        var folder = new DirectoryInfo(Folder);
        if (folder.Exists) return;
        var rights = new DirectorySecurity();
        rights.SetSecurityDescriptorSddlForm(Rights);
        folder.Create(rights);
    }
}
