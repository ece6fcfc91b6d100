using System.Text;
using System.Text.Json;
using Firewall.FlowLogs;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.FlowLogs;

/// <summary>A file of records is valid JSON after every record, and again after the next start wherever a kill cut it off.</summary>
public sealed class BlockFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string FilePath => Path.Combine(_folder.Path, "a", "b", "PT1H.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_record_leaves_whole_JSON()
    {
        for (int count = 1; count <= 20; count++)
        {
            BlockFile.Append(FilePath, Block(count));
            Assert.Equal(Enumerable.Range(1, count), Numbers());
        }

        Assert.Equal(0, Mend());
    }

    [Fact]
    public void A_file_that_was_cut_off_anywhere_keeps_its_whole_records_and_goes_on()
    {
        for (int count = 1; count <= 3; count++) BlockFile.Append(FilePath, Block(count));
        byte[] whole = File.ReadAllBytes(FilePath);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(FilePath, whole[..length]);
            int records = Encoding.UTF8.GetString(whole[..length]).Split("]}]}]}}").Length - 1;
            Assert.Equal(1, Mend());
            Assert.Equal(records > 0, File.Exists(FilePath));
            if (records > 0) Assert.Equal(Enumerable.Range(1, records), Numbers());
            BlockFile.Append(FilePath, Block(9));
            Assert.Equal([.. Enumerable.Range(1, records), 9], Numbers());
        }
    }

    [Fact]
    public void What_was_cut_off_is_mended_by_the_next_record_as_well_also_in_a_long_file()
    {
        for (int count = 1; count <= 10; count++) BlockFile.Append(FilePath, Block(count, 50_000));
        using (FileStream file = File.OpenWrite(FilePath)) file.SetLength(file.Length - 49_000);
        BlockFile.Append(FilePath, Block(11));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 11], Numbers());
    }

    [Fact]
    public void A_record_may_say_what_looks_like_its_end()
    {
        BlockFile.Append(FilePath, Block(1, text: "\\u0022]}]}]}}]}"));
        using (FileStream file = File.OpenWrite(FilePath)) file.SetLength(file.Length - 20);
        Assert.Equal(1, Mend());
        Assert.False(File.Exists(FilePath));
    }

    [Fact]
    public void Whole_files_are_looked_through_while_somebody_appends()
    {
        BlockFile.Append(FilePath, Block(1));
        using (var turn = new FileStream(_folder[".lock"], FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)) Assert.Equal(0, Mend());
        BlockFile.Append(FilePath, Block(2));
    }

    private int Mend() => new FlowLogFolder(_folder.Path).Mend(CancellationToken.None);

    private static byte[] Block(int number, int length = 10, string text = "")
    {
        string flows = $"[{{\"text\":\"{text}\",\"flows\":[{{\"flows\":[\"{new string('x', length)}\"]}}]}}]";
        return Encoding.UTF8.GetBytes($"{{\"records\":[{{\"n\":{number},\"p\":{{\"flows\":{flows}}}}}]}}");
    }

    private IEnumerable<int> Numbers() =>
        [.. JsonDocument.Parse(File.ReadAllBytes(FilePath)).RootElement.GetProperty("records").EnumerateArray().Select(r => r.GetProperty("n").GetInt32())];
}
