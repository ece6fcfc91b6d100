using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>How Azure's template functions compare ("Comparison functions for ARM templates", "Array functions for ARM templates").</summary>
public class TemplateComparisonTests
{
    [Theory]
    [InlineData("equals('PROD', 'prod')", false)]
    [InlineData("equals('prod', 'prod')", true)]
    // What Bicep makes of =~.
    [InlineData("equals(toLower('PROD'), toLower('prod'))", true)]
    [InlineData("equals(createArray('a'), createArray('A'))", false)]
    [InlineData("equals(json('{\"a\":1,\"b\":2}'), json('{\"b\":2,\"a\":1}'))", true)]
    [InlineData("equals(json('{\"a\":1,\"b\":2}'), json('{\"a\":2,\"b\":1}'))", false)]
    [InlineData("equals(json('{\"a\":1}'), json('{\"b\":1}'))", false)]
    [InlineData("equals(json('{\"a\":1}'), json('{\"a\":1,\"b\":2}'))", false)]
    [InlineData("equals(json('{\"a\":{\"x\":\"y\"}}'), json('{\"a\":{\"x\":\"Y\"}}'))", false)]
    [InlineData("contains('OneTwo', 'two')", false)]
    [InlineData("contains('OneTwo', 'Two')", true)]
    [InlineData("contains(createArray('One'), 'one')", false)]
    [InlineData("contains(createArray('one'), 'one')", true)]
    [InlineData("contains(createObject('One', 1), 'one')", true)]
    [InlineData("greater('A', 'a')", true)]
    [InlineData("greaterOrEquals('A', 'a')", true)]
    [InlineData("less('A', 'a')", false)]
    [InlineData("lessOrEquals('A', 'a')", false)]
    [InlineData("less('a', 'B')", true)]
    [InlineData("less('A', 'b')", true)]
    [InlineData("greater('bend', 'band')", true)]
    [InlineData("lessOrEquals('a', 'a')", true)]
    // The first difference but for case counts before case does.
    [InlineData("less('Aa', 'ab')", true)]
    [InlineData("less('aB', 'Ba')", true)]
    public void Values_compare_as_in_Azure(string condition, bool expected)
    {
        string port = $"[if({condition}, '1', '2')]".Replace("\"", "\\\"", StringComparison.Ordinal);
        string json = $$"""
            { "$schema": "x", "contentVersion": "1.0.0.0", "resources": [
              { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": [ {{Sample.Rule(destinationPort: port)}} ] } } ] }
            """;
        Assert.Equal(expected ? "1" : "2", Assert.Single(Assert.Single(Sample.Good(json)).SecurityRules).DestinationPorts[0].ToString());
    }
}
