using Firewall.SystemTests.Appliance;
using Firewall.SystemTests.Linux;
using Microsoft.Playwright;
using Xunit;

namespace Firewall.SystemTests.Page;

/// <summary>Debian's Chromium in a namespace, driven by Playwright. What a page complains of is kept.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    // The machine is busy with the appliance and the tests themselves.
    private const float Patience = 20_000;

    private readonly TemporaryFolder _files = new();
    private readonly List<string> _complaints = [];
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    private Browser()
    {
    }

    /// <summary>What went wrong in the pages: errors of scripts, refusals by the content security policy, dialogs that nobody meant.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_complaints) return [.. _complaints];
        }
    }

    /// <summary>Starts it; skips the test where there is none.</summary>
    public static async Task<Browser> StartAsync(NetworkNamespace place)
    {
        Assert.SkipUnless(File.Exists(Chromium), "needs Debian's package chromium: make deps");
        var browser = new Browser();
        try
        {
            // Playwright talks to it through open pipes, which go along.
            string inside = browser._files["chromium"];
            await File.WriteAllTextAsync(inside, $"#!/bin/sh\nexec ip netns exec {place.Name} {Chromium} \"$@\"\n");
            Shell.Run("chmod", "755", inside);
            browser._playwright = await Playwright.CreateAsync();
            browser._browser = await browser._playwright.Chromium.LaunchAsync(new() { ExecutablePath = inside, Args = ["--no-sandbox"], Timeout = 2 * Patience });
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new window.</summary>
    /// <param name="scheme">Light or dark.</param>
    /// <param name="width">In pixels.</param>
    /// <param name="height">In pixels.</param>
    public async Task<IPage> OpenAsync(ColorScheme scheme = ColorScheme.Light, int width = 1280, int height = 800)
    {
        IPage page = await _browser!.NewPageAsync(new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = height } });
        page.SetDefaultTimeout(Patience);
        Assertions.SetDefaultExpectTimeout(Patience);
        page.PageError += (_, error) => Complain(error);
        // What a person does wrong is refused, which Chromium writes down as an error of its own.
        page.Console += (_, line) =>
        {
            bool isRefusal = line.Text.Contains("status of 400", StringComparison.Ordinal) || line.Text.Contains("status of 401", StringComparison.Ordinal);
            if (line.Type == "error" && !isRefusal) Complain(line.Text);
        };
        page.Dialog += (_, dialog) =>
        {
            Complain($"dialog: {dialog.Message}");
            _ = dialog.DismissAsync();
        };
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.CloseAsync();
        _playwright?.Dispose();
        _files.Dispose();
    }

    private void Complain(string what)
    {
        lock (_complaints) _complaints.Add(what);
    }
}
