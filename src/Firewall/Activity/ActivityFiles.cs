using System.Text.Json;
using Firewall.Control.Configuration;
using Firewall.Devices.Linux;
using Firewall.Hosting.Services;

namespace Firewall.Activity;

/// <summary>Where an appliance's activity log is, and what stands at its end.</summary>
internal static class ActivityFiles
{
    /// <summary>The place when the configuration names none.</summary>
    public static string DefaultOf(string tunName) =>
        OperatingSystem.IsWindows() ? ProgramData.File($"{tunName}.activity.jsonl") : $"/var/log/firewall/{tunName}.activity.jsonl";

    /// <summary>The place by a configuration; null if it says that there is none.</summary>
    public static string? Of(FirewallOptions options) =>
        options.ActivityLogFile == FirewallOptions.NoFile ? null : options.ActivityLogFile ?? DefaultOf(options.Tun.Name);

    /// <summary>True if entries go to a pipe or a terminal, from which nobody but its reader gets them.</summary>
    public static bool IsPipe(string path) => OperatingSystem.IsLinux() && LinePipe.IsAt(path);

    /// <summary>The newest entries of a log, the newest first. A line that a kill cut short is none.</summary>
    /// <param name="path">The log's path; the files that were moved aside count too.</param>
    /// <param name="count">The most entries.</param>
    public static IReadOnlyList<byte[]> ReadNewest(string path, int count)
    {
        List<byte[]> newest = [];
        foreach (string file in ActivityLog.FilesOf(path).Reverse())
        {
            if (newest.Count == count) break;
            try
            {
                newest.AddRange(ReadEnd(file, count - newest.Count));
            }
            catch (FileNotFoundException)
            {
                // It was moved aside just now.
            }
        }

        return newest;
    }

    private static IEnumerable<byte[]> ReadEnd(string path, int count)
    {
        const int FirstLength = 64 * 1024;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        long size = file.Length;
        for (long length = Math.Min(size, FirstLength); ; length = Math.Min(size, length * 4))
        {
            byte[] end = new byte[length];
            file.Seek(size - length, SeekOrigin.Begin);
            int read = file.ReadAtLeast(end, end.Length, throwOnEndOfStream: false);
            List<byte[]> lines = WholeLines(end.AsSpan(0, read), fromStart: length == size);
            if (lines.Count >= count || length == size) return lines.AsEnumerable().Reverse().Take(count);
        }
    }

    private static List<byte[]> WholeLines(ReadOnlySpan<byte> text, bool fromStart)
    {
        List<byte[]> lines = [];
        bool isFirst = !fromStart;
        foreach (Range range in text.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = text[range];
            if (!isFirst && line.Length > 0 && IsJson(line)) lines.Add(line.ToArray());
            isFirst = false;
        }

        return lines;
    }

    private static bool IsJson(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        try
        {
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
