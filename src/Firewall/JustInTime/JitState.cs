using System.Text.Json;
using System.Text.Json.Serialization;

namespace Firewall.JustInTime;

/// <summary>The file that requests outlive the process in. It is replaced as a whole, and on the disk before the call returns.</summary>
internal static class JitState
{
    /// <summary>Reads the requests; none if there is no file.</summary>
    /// <exception cref="IOException">The file cannot be read, or is damaged.</exception>
    public static IReadOnlyList<JitRequest> Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return JsonSerializer.Deserialize(file, JitJson.Default.IReadOnlyListJitRequest) ?? [];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception e) when (e is JsonException or UnauthorizedAccessException)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Keeps a file that cannot be read for whoever wants to look at it; the next one would take its place.</summary>
    public static void SetAside(string path)
    {
        try
        {
            File.Move(path, path + ".damaged", overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then it stays where it is.
        }
    }

    /// <summary>Writes the requests.</summary>
    /// <exception cref="IOException">They cannot be written; the file is as it was.</exception>
    public static void Write(string path, IReadOnlyList<JitRequest> requests)
    {
        string next = path + ".new";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0 };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(next, options))
            {
                file.Write(JsonSerializer.SerializeToUtf8Bytes(requests, JitJson.Default.IReadOnlyListJitRequest));
                file.Flush(flushToDisk: true);
            }

            File.Move(next, path, overwrite: true);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}

/// <summary>Requests as JSON, in the file and over the admin socket.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NewLine = "\n")]
[JsonSerializable(typeof(JitRequest))]
[JsonSerializable(typeof(IReadOnlyList<JitRequest>))]
internal sealed partial class JitJson : JsonSerializerContext;
