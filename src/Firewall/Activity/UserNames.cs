using System.Globalization;

namespace Firewall.Activity;

/// <summary>Names of users by their numbers, from /etc/passwd.</summary>
internal static class UserNames
{
    /// <summary>The name, or "uid N" if nobody has that number.</summary>
    public static string Of(uint user)
    {
        string number = user.ToString(CultureInfo.InvariantCulture);
        try
        {
            foreach (string line in File.ReadLines("/etc/passwd"))
            {
                string[] fields = line.Split(':');
                if (fields.Length > 2 && fields[2] == number) return fields[0];
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A container without the file: the number has to do.
        }

        return $"uid {number}";
    }
}
