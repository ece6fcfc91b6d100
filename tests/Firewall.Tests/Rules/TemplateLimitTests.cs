using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Expressions that would take the process down, or all of its memory: reading ends with a finding, never otherwise.</summary>
public class TemplateLimitTests
{
    [Theory]
    [InlineData("[parameters('p'){0}]", ".a")]
    [InlineData("[parameters('p'){0}]", "[0]")]
    [InlineData("['p'{0}]", "['a']")]
    [InlineData("[a{0}()]", ".a")]
    public void A_chain_of_members_or_indexes_has_an_end(string expression, string link)
    {
        string chain = string.Concat(Enumerable.Repeat(link, 190_000));
        RuleFinding finding = Refused(expression.Replace("{0}", chain, StringComparison.Ordinal));
        Assert.EndsWith("the expression has too many members and indexes in a row.", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_chain_within_the_bound_is_worked_out()
    {
        const int Links = 60;
        string value = $"{new string('[', Links)}\"8080\"{new string(']', Links)}";
        string chain = string.Concat(Enumerable.Repeat("[0]", Links));
        Assert.Equal("8080", Assert.Single(Assert.Single(Sample.Good(Template($"[parameters('p'){chain}]", value))).SecurityRules).DestinationPorts[0].ToString());
    }

    [Theory]
    // What is built without recursion can be deeper than what is looked at with it.
    [InlineData("[string(equals(DEEP, DEEP))]")]
    [InlineData("[string(contains(createArray(DEEP), DEEP))]")]
    [InlineData("[union(DEEP, DEEP).a]")]
    [InlineData("[own.same(DEEP)]")]
    public void A_value_nested_beyond_the_stack_is_refused(string expression)
    {
        const string Numbers = "flatten(map(range(0, 50), lambda('i', range(0, 100))))";
        const string Deep = $"reduce({Numbers}, createObject('a', 1), lambda('sum', 'i', createObject('a', lambdaVariables('sum'))))";
        OnSmallStack(() => Refused(expression.Replace("DEEP", Deep, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_variable_that_holds_itself_is_refused()
    {
        string json = """
            { "$schema": "x", "contentVersion": "1.0.0.0", "variables": { "self": { "list": "[variables('self')]" } }, "resources": [
              { "type": "Microsoft.Resources/deployments", "name": "module", "properties": { "expressionEvaluationOptions": { "scope": "inner" }, "parameters": { "rules": { "value": "[variables('self')]" } },
                "template": { "parameters": { "rules": { "type": "array" } }, "resources": [ { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": "[parameters('rules').list]" } } ] } } } ] }
            """;
        OnSmallStack(() => Assert.True(Sample.Read(json).HasErrors));
    }

    [Theory]
    [InlineData("[string(div(-9223372036854775808, -1))]")]
    [InlineData("[string(mod(-9223372036854775808, -1))]")]
    [InlineData("[substring('abc', 1, 9223372036854775807)]")]
    [InlineData("[substring('abc', 9223372036854775807)]")]
    [InlineData("[cidrSubnet('10.0.0.0/8', -9223372036854775808, 0)]")]
    public void A_number_out_of_bounds_is_refused(string expression) => Refused(expression);

    [Theory]
    [InlineData("[format('{0:D999999999}', 1)]")]
    [InlineData("[format('{0:D99999999999999999999}', 1)]")]
    [InlineData("[format('{0,-9999999}', 1)]")]
    [InlineData("[format(replace(parameters('p'), 'x', '{0,9999}'), 1)]")]
    [InlineData("[format(replace(parameters('p'), 'x', '{0}'), parameters('p'))]")]
    [InlineData("[replace(parameters('p'), 'x', parameters('p'))]")]
    [InlineData("[join(split(parameters('p'), 'x'), parameters('p'))]")]
    [InlineData("[concat(LONG)]")]
    public void A_text_is_not_built_that_would_be_too_long(string expression)
    {
        string many = string.Join(", ", Enumerable.Repeat("parameters('p')", 4_000));
        string json = Template(expression.Replace("LONG", many, StringComparison.Ordinal), $"\"{new string('x', 4_000)}\"");
        long before = GC.GetAllocatedBytesForCurrentThread();
        RuleFinding finding = Assert.Single(Sample.Read(json).Findings);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal("TemplateExpressionNotEvaluated", finding.Code);
        Assert.EndsWith("the text grows too long.", finding.Message, StringComparison.Ordinal);
        Assert.InRange(allocated, 0, 12_000_000);
    }

    [Theory]
    [InlineData("[format('80{0:D2}', 8)]", "8008")]
    [InlineData("[format('{0}-65535', 1024)]", "1024-65535")]
    [InlineData("[trim(format('{0,-6}', 8080))]", "8080")]
    [InlineData("[replace('8x8x', 'x', '0')]", "8080")]
    [InlineData("[replace('80aa', 'aa', '8')]", "808")]
    [InlineData("[join(createArray('80', '80'), '')]", "8080")]
    [InlineData("[string(div(-9223372036854775808, -9223372036854775808))]", "1")]
    [InlineData("[string(mod(81, -2))]", "1")]
    [InlineData("[substring('8080', 0, 4)]", "8080")]
    [InlineData("[substring('8080', 2)]", "80")]
    public void What_is_within_bounds_is_worked_out(string expression, string port) =>
        Assert.Equal(port, Assert.Single(Assert.Single(Sample.Good(Template(expression))).SecurityRules).DestinationPorts[0].ToString());

    // The smallest stack that threads have by default is three times as large.
    private static void OnSmallStack(Action read)
    {
        Exception? thrown = null;
        Thread thread = new(() => thrown = Record.Exception(read), maxStackSize: 512 * 1024);
        thread.Start();
        thread.Join();
        Assert.Null(thrown);
    }

    private static RuleFinding Refused(string expression)
    {
        RuleFinding finding = Assert.Single(Sample.Read(Template(expression)).Findings);
        Assert.Equal("TemplateExpressionNotEvaluated", finding.Code);
        return finding;
    }

    private static string Template(string port, string parameter = "\"8080\"") => $$"""
        { "$schema": "x", "contentVersion": "1.0.0.0", "parameters": { "p": { "defaultValue": {{parameter}} } }, 
          "functions": [ { "namespace": "own", "members": { "same": { "parameters": [ { "name": "v", "type": "object" } ], "output": { "type": "object", "value": "[parameters('v')]" } } } } ],
          "resources": [ { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": [ {{Sample.Rule(destinationPort: port)}} ] } } ] }
        """;
}
