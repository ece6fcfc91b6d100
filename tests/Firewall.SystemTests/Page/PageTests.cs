using System.Diagnostics;
using System.Text.RegularExpressions;
using Firewall.SystemTests.Appliance;
using Microsoft.Playwright;
using Xunit;

namespace Firewall.SystemTests.Page;

/// <summary>
/// The seed's story clicked through in a real browser, while a real SSH session runs through the appliance. Pictures of the page are left in
/// the folder page beside the executable.
/// </summary>
public sealed partial class PageTests
{
    private const string Url = "http://127.0.0.1:9478/";
    private const string OperatorToken = "operator-0123456789abcdef0123456789abcdef";
    private const string ReaderToken = "reader-0123456789abcdef0123456789abcdef";

    // What would do harm where a text is taken for markup.
    private const string Hostile = "<img src=x onerror=alert(1)>\"'</td><script>alert(2)</script>";

    [Fact]
    public async Task Access_is_asked_for_and_revoked_and_the_session_goes_on()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        using RunningAppliance appliance = Start(lab);
        await using Browser browser = await Browser.StartAsync(lab.Gateway);
        IPage page = await browser.OpenAsync();
        await page.GotoAsync(Url);
        await SignInAsync(page, "a-token-that-the-appliance-does-not-know");
        await Expect(page.Locator("#sign-in-problem")).ToHaveTextAsync("The appliance does not know this token.");
        await SignInAsync(page, OperatorToken);
        await Expect(page.Locator("#appliance")).ToHaveTextAsync("fw0, Gateway, Operator");

        // Closed: ssh times out, and the page says by which rule.
        sshd.TimesOut(lab.Client, Lab.VmV4);
        await GoAsync(page, "Drops");
        ILocator drop = page.Locator("#drop-rows tr", new() { HasTextRegex = SshDropped() }).First;
        await Expect(drop).ToContainTextAsync("Inbound");
        await Expect(drop).ToContainTextAsync("of nsg-test");

        // Asked for: ssh connects. What a person writes is text and nothing else.
        await GoAsync(page, "Access");
        await RequestAsync(page, "1h", Hostile);
        await Expect(page.Locator("#ask-result")).ToContainTextAsync($"vm-web1 port 22 is open from {Lab.ClientV4}");
        ILocator request = page.Locator("#request-rows tr", new() { HasText = "open, ends in" });
        await Expect(request.Locator("td").Nth(6)).ToHaveTextAsync(Hostile);
        using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
        Assert.Equal("begin", SshServer.Say(session, "begin"));

        // It is in the flow table, and the rule has been hit.
        await GoAsync(page, "Flows");
        await page.Locator("#flow-words").FillAsync("22 tcp established");
        await Expect(page.Locator("#flow-count")).ToHaveTextAsync("1 flow");
        await Expect(page.Locator("#flow-rows tr")).ToContainTextAsync($"{Lab.VmV4}:22");
        // Since its last packet, not since its first one.
        ILocator times = page.Locator("#flow-rows tr td");
        await Expect(times).ToHaveCountAsync(10);
        Assert.Equal(["Age", "Idle", "Expires"], (await page.Locator("#flows thead th").AllTextContentsAsync()).Skip(7));
        Assert.Matches(@"^\d+(\.\d+)? s$", await times.Nth(8).InnerTextAsync());
        await page.Locator("#flow-words").FillAsync("no-such-rule");
        await Expect(page.Locator("#flow-problem")).ToContainTextAsync("no-such-rule");
        await GoAsync(page, "Rules");
        ILocator rule = page.Locator("#groups tr", new() { HasTextRegex = JitRule() }).First;
        await Expect(rule.Locator("td").Nth(6)).ToHaveTextAsync("1");

        // Taken back, with the keyboard: the session goes on, a new one is refused.
        await GoAsync(page, "Access");
        ILocator revoke = page.GetByRole(AriaRole.Button, new() { Name = "Revoke vm-web1 port 22" });
        await revoke.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#ask-result")).ToContainTextAsync("is closed again");
        sshd.TimesOut(lab.Client, Lab.VmV4);
        Assert.Equal("still here", SshServer.Say(session, "still here"));

        // Over by itself.
        await page.GetByLabel("Also those that have ended").CheckAsync();
        await RequestAsync(page, "2s", "for a moment");
        await Expect(page.Locator("#request-rows tr", new() { HasText = "for a moment" })).ToContainTextAsync("ended, Expired");
        sshd.TimesOut(lab.Client, Lab.VmV4);
        Assert.Equal("still here too", SshServer.Say(session, "still here too"));

        await GoAsync(page, "Activity");
        foreach (string operation in (string[])["Initiate JIT Network Access Policy", "Revoke JIT Network Access", "JIT Network Access Expired"])
            await Expect(page.Locator("#activity-rows tr", new() { HasText = operation }).First).ToContainTextAsync("Succeeded");
        await Expect(page.Locator("#activity-rows tr", new() { HasText = "Revoke JIT Network Access" })).ToContainTextAsync("operator-token (127.0.0.1)");

        Assert.Equal(0, await page.Locator("img, main script").CountAsync());
        await GoAsync(page, "Access");
        await LookAsync(lab, page, "light");
        IPage dark = await SignedInAsync(browser, ColorScheme.Dark, 1280, 800);
        await LookAsync(lab, dark, "dark");
        IPage phone = await SignedInAsync(browser, ColorScheme.Light, 390, 844);
        await LookAsync(lab, phone, "phone");
        Assert.Empty(browser.Complaints);
        Assert.DoesNotContain("0123456789abcdef", appliance.Log, StringComparison.Ordinal);
        session.Kill();
    }

    [Fact]
    public async Task A_reader_looks_and_the_token_goes_with_the_tab()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = Start(lab);
        await using Browser browser = await Browser.StartAsync(lab.Gateway);
        IPage page = await browser.OpenAsync();
        await page.GotoAsync(Url);
        await Expect(page.Locator("#sign-in")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.GetByText("Skip to content")).ToBeFocusedAsync();
        await SignInAsync(page, ReaderToken);
        await GoAsync(page, "Access");
        await Expect(page.Locator("#ask-note")).ToContainTextAsync("only operators");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Request" })).ToBeDisabledAsync();

        // Kept over a reload of this tab, and unknown to another one.
        await page.ReloadAsync();
        await Expect(page.Locator("#access")).ToBeVisibleAsync();
        IPage other = await browser.OpenAsync();
        await other.GotoAsync(Url);
        await Expect(other.Locator("#sign-in")).ToBeVisibleAsync();
        Assert.Equal("", await page.EvaluateAsync<string>("document.cookie"));

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(page.Locator("#sign-in")).ToBeVisibleAsync();
        Assert.Equal(0, await page.EvaluateAsync<int>("sessionStorage.length"));
        Assert.Empty(browser.Complaints);

        // A page elsewhere, whose name was made to lead here, gets nothing.
        IResponse? foreign = await other.GotoAsync("http://localtest.localhost:9478/");
        Assert.Equal(421, foreign!.Status);
    }

    [Fact]
    public async Task After_a_restart_the_rules_of_now_are_shown()
    {
        using var lab = new Lab();
        await using Browser browser = await Browser.StartAsync(lab.Gateway);
        IPage page = await browser.OpenAsync();
        using (Start(lab, Nsg.AllowSsh))
        {
            await page.GotoAsync(Url);
            await SignInAsync(page, ReaderToken);
            await GoAsync(page, "Rules");
            await Expect(page.Locator("#groups")).ToContainTextAsync("allow-ssh");
        }

        // Its first policy has the same version as that of the one before.
        using RunningAppliance next = Start(lab, Nsg.AllowService);
        await Expect(page.Locator("#groups")).ToContainTextAsync("allow-service", new() { Timeout = 10_000 });
        await Expect(page.Locator("#groups")).Not.ToContainTextAsync("allow-ssh");
    }

    // Every view is drawn, can be read, fits, and has a name for each field.
    private static async Task LookAsync(Lab lab, IPage page, string look)
    {
        lab.Client.Try("ping", "-c", "1", "-W", "1", Lab.VmV4); // something to be denied
        string folder = Path.Combine(Path.GetDirectoryName(RunningAppliance.Executable)!, "page");
        foreach (string view in (string[])["Overview", "Rules", "Flows", "Drops", "Access", "Activity"])
        {
            await GoAsync(page, view);
            ILocator content = page.Locator("main > section:visible");
            if (view is not "Flows") await Expect(content.Locator("tbody tr").First).ToBeVisibleAsync();
            Assert.Empty(await page.EvaluateAsync<string[]>(Contrast));
            Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{view} is wider than the window ({look})");
            Assert.True(await page.EvaluateAsync<bool>("[...document.querySelectorAll('input, select')].every(field => field.labels.length > 0)"));
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{look}-{view.ToLowerInvariant()}.png"), FullPage = true });
        }
    }

    // Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3).
    private const string Contrast = """
        () => {
          const parse = text => text.match(/[\d.]+/g).map(Number);
          const linear = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
          const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
          const behind = element => {
            for (; element !== null; element = element.parentElement) {
              const color = parse(getComputedStyle(element).backgroundColor);
              if (color.length < 4 || color[3] > 0) return color;
            }
            return [255, 255, 255];
          };
          return [...document.querySelectorAll("body *")]
            .filter(element => element.checkVisibility() && !element.closest(":disabled") && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim() !== ""))
            .filter(element => {
              const [light, dark] = [parse(getComputedStyle(element).color), behind(element)].map(luminance).sort((left, right) => right - left);
              return (light + 0.05) / (dark + 0.05) < 4.5;
            })
            .map(element => element.outerHTML);
        }
        """;

    private static async Task<IPage> SignedInAsync(Browser browser, ColorScheme scheme, int width, int height)
    {
        IPage page = await browser.OpenAsync(scheme, width, height);
        await page.GotoAsync(Url);
        await SignInAsync(page, OperatorToken);
        await Expect(page.Locator("#overview")).ToBeVisibleAsync();
        await GoAsync(page, "Access");
        await page.GetByLabel("Also those that have ended").CheckAsync();
        return page;
    }

    private static async Task SignInAsync(IPage page, string token)
    {
        await page.GetByLabel("Token of this appliance").FillAsync(token);
        await page.Keyboard.PressAsync("Enter");
    }

    private static async Task GoAsync(IPage page, string view)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = view, Exact = true }).ClickAsync();
        await Expect(page.Locator("nav a[aria-current=page]")).ToHaveTextAsync(view);
    }

    private static async Task RequestAsync(IPage page, string duration, string why)
    {
        await page.GetByLabel("From address or prefix").FillAsync(Lab.ClientV4);
        await page.GetByLabel("For", new() { Exact = true }).FillAsync(duration);
        await page.GetByLabel("Justification").FillAsync(why);
        await page.GetByRole(AriaRole.Button, new() { Name = "Request", Exact = true }).ClickAsync();
    }

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);

    private static RunningAppliance Start(Lab lab, params string[] rules)
    {
        lab.WriteRules(Nsg.Group(rules));
        lab.WriteJitPolicies(terminateOnExpiry: false);
        (string operators, string readers) = (lab.WriteSecret("operator.token", OperatorToken), lab.WriteSecret("reader.token", ReaderToken));
        RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(), "env", $"FIREWALL__JUSTINTIME__POLICIES={lab.Files["jit.json"]}",
            "FIREWALL__ADMIN__TCP__LISTEN=127.0.0.1:9478", "FIREWALL__ADMIN__TCP__PAGE=true",
            $"FIREWALL__ADMIN__TCP__OPERATORTOKENFILE={operators}", $"FIREWALL__ADMIN__TCP__READERTOKENFILE={readers}");
        appliance.WaitForLog("Admin API and page on ");
        return appliance;
    }

    [GeneratedRegex(@"203\.0\.113\.5:\d+ .* 10\.0\.0\.4:22")]
    private static partial Regex SshDropped();

    [GeneratedRegex("MicrosoftDefenderForCloud-JITRule.*Allow")]
    private static partial Regex JitRule();
}
