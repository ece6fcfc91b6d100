using System.Text;

namespace Firewall.Commands;

/// <summary>Where a command reads and writes. Results go to <see cref="Output"/>, errors and progress to <see cref="Error"/>.</summary>
internal sealed class CommandStreams
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Takes over the streams; nothing is disposed by a command.</summary>
    public CommandStreams(Stream input, Stream output, TextWriter error)
    {
        Input = input;
        Output = output;
        Error = error;
        Out = new StreamWriter(output, Utf8, bufferSize: 4096, leaveOpen: true) { AutoFlush = true };
    }

    /// <summary>Standard input, for a capture named "-".</summary>
    public Stream Input { get; }

    /// <summary>Standard output as bytes; <see cref="Out"/> writes to the same place and holds nothing back.</summary>
    public Stream Output { get; }

    /// <summary>Standard output as text.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>True if a person watches standard output, so that colour and width matter.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>True if a person watches standard error, so that progress may be drawn there.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>The streams of this process.</summary>
    public static CommandStreams OfProcess() => new(
        Console.OpenStandardInput(), OperatingSystem.IsLinux() ? new StandardOutput() : Console.OpenStandardOutput(), Console.Error)
    {
        OutputIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
    };

    /// <summary>Writes one problem to standard error, as <c>firewall: …</c>; a text of several lines becomes several such lines.</summary>
    public void WriteError(string problem)
    {
        foreach (ReadOnlySpan<char> line in problem.AsSpan().EnumerateLines())
        {
            if (!line.IsWhiteSpace()) Error.WriteLine($"firewall: {line}");
        }

        Error.Flush();
    }
}
