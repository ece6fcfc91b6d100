namespace Firewall.Control;

/// <summary>Finds the word that somebody most likely meant.</summary>
internal static class NearestWord
{
    // Fewer letters than this begin too many words.
    private const int ShortestBeginning = 4;

    // Nobody means a word by more, and comparing grows with the square.
    private const int LongestWritten = 100;

    /// <summary>
    /// The closest of the known words, or null if none is close: a third of the letters may differ, two at least, or the word may
    /// have been broken off.
    /// </summary>
    public static string? Find(string written, IEnumerable<string> known)
    {
        if (written.Length > LongestWritten) return null;
        string? nearest = null;
        int least = Math.Max(2, written.Length / 3) + 1;
        foreach (string word in known)
        {
            if (written.Length >= ShortestBeginning && word.StartsWith(written, StringComparison.OrdinalIgnoreCase)) return word;
            if (Math.Abs(written.Length - word.Length) >= least) continue;
            int distance = Distance(written, word);
            // A word that shares nothing with what was written is no suggestion, however short both are.
            if (distance >= least || distance >= Math.Max(written.Length, word.Length)) continue;
            least = distance;
            nearest = word;
        }

        return nearest;
    }

    /// <summary>", did you mean 'x'?" or nothing; ready to be appended to a message.</summary>
    public static string Suggestion(string written, IEnumerable<string> known) =>
        Find(written, known) is { } word ? $"; did you mean '{word}'?" : "";

    // Damerau's distance with adjacent swaps (optimal string alignment), without regard to case.
    private static int Distance(string left, string right)
    {
        int[,] cost = new int[left.Length + 1, right.Length + 1];
        for (int i = 0; i <= left.Length; i++) cost[i, 0] = i;
        for (int j = 0; j <= right.Length; j++) cost[0, j] = j;
        for (int i = 1; i <= left.Length; i++)
        {
            for (int j = 1; j <= right.Length; j++)
            {
                bool same = Same(left[i - 1], right[j - 1]);
                int best = Math.Min(Math.Min(cost[i - 1, j] + 1, cost[i, j - 1] + 1), cost[i - 1, j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && Same(left[i - 1], right[j - 2]) && Same(left[i - 2], right[j - 1]))
                {
                    best = Math.Min(best, cost[i - 2, j - 2] + 1);
                }

                cost[i, j] = best;
            }
        }

        return cost[left.Length, right.Length];
    }

    private static bool Same(char left, char right) => char.ToUpperInvariant(left) == char.ToUpperInvariant(right);
}
