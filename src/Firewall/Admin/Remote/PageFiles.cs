using System.IO.Hashing;
using System.Reflection;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin.Remote;

/// <summary>The files of the page, which are in the executable.</summary>
internal sealed class PageFiles
{
    /// <summary>What their names begin with, as resources and as paths behind the first slash.</summary>
    public const string Prefix = "page/";

    private readonly Dictionary<string, PageFile> _files = [];

    /// <summary>Reads them.</summary>
    public PageFiles()
    {
        Assembly assembly = typeof(PageFiles).Assembly;
        foreach (string name in assembly.GetManifestResourceNames().Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using Stream stream = assembly.GetManifestResourceStream(name)!;
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            var file = new PageFile(TypeOf(name), bytes);
            _files[name == Prefix + "index.html" ? "/" : $"/{name}"] = file;
        }
    }

    /// <summary>The file that a request asks for; null if it asks for something else.</summary>
    public PageFile? Find(HttpRequest request) =>
        request.Method == HttpMethods.Get && _files.TryGetValue(request.Path.Value ?? "", out PageFile? file) ? file : null;

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        string other => throw new InvalidOperationException($"nobody said what a file {other} is"),
    };
}

/// <summary>One file of the page.</summary>
/// <param name="Type">Its content type.</param>
/// <param name="Bytes">What it holds.</param>
internal sealed record PageFile(string Type, byte[] Bytes)
{
    private readonly string _tag = $"\"{XxHash64.HashToUInt64(Bytes):x16}\"";

    /// <summary>Sends it, unless the browser has it.</summary>
    public Task AnswerAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.Headers.CacheControl = "no-cache";
        response.Headers.ETag = _tag;
        if (context.Request.Headers.IfNoneMatch == _tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = Type;
        response.ContentLength = Bytes.Length;
        return response.Body.WriteAsync(Bytes, context.RequestAborted).AsTask();
    }
}
