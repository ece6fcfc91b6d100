using System.Globalization;

namespace Firewall.Core.Rules.Reading;

/// <summary>The syntax of an ARM template expression: calls, members, indexes, strings in single quotes and whole numbers.</summary>
internal abstract record TemplateExpression
{
    private const int MaxDepth = 64;
    private const int MaxChain = 64;

    /// <summary>A quoted string.</summary>
    public sealed record Literal(string Value) : TemplateExpression;

    /// <summary>A whole number.</summary>
    public sealed record Number(long Value) : TemplateExpression;

    /// <summary><c>name(arguments)</c>.</summary>
    public sealed record Call(string Name, IReadOnlyList<TemplateExpression> Arguments) : TemplateExpression;

    /// <summary><c>target.name</c>.</summary>
    public sealed record Member(TemplateExpression Target, string Name) : TemplateExpression;

    /// <summary><c>target[key]</c>.</summary>
    public sealed record Index(TemplateExpression Target, TemplateExpression Key) : TemplateExpression;

    /// <exception cref="TemplateException">The text is no expression.</exception>
    public static TemplateExpression Parse(ReadOnlySpan<char> text)
    {
        Parser parser = new(text);
        TemplateExpression expression = parser.Expression(0);
        parser.End();
        return expression;
    }

    private ref struct Parser(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text;

        public TemplateExpression Expression(int depth)
        {
            if (depth > MaxDepth) throw new TemplateException("the expression is nested too deep");
            TemplateExpression expression = Primary(depth);
            for (int links = 0; ; links++)
            {
                if (links > MaxChain) throw TooLong();
                if (TryTake('.'))
                {
                    expression = new Member(expression, Identifier());
                }
                else if (TryTake('['))
                {
                    expression = new Index(expression, Expression(depth + 1));
                    Take(']');
                }
                else
                {
                    return expression;
                }
            }
        }

        public void End()
        {
            _rest = _rest.TrimStart();
            if (!_rest.IsEmpty) throw new TemplateException($"'{_rest[0]}' is not expected");
        }

        private TemplateExpression Primary(int depth)
        {
            _rest = _rest.TrimStart();
            if (_rest.IsEmpty) throw new TemplateException("the expression ends too early");
            if (_rest[0] == '\'') return new Literal(Quoted());
            if (char.IsAsciiDigit(_rest[0]) || _rest[0] == '-') return new Number(Whole());
            string name = Identifier();
            // Functions of a user's own are "namespace.name"; they are refused by name when called.
            for (int links = 0; !_rest.IsEmpty && _rest[0] == '.'; links++)
            {
                if (links > MaxChain) throw TooLong();
                _rest = _rest[1..];
                name += "." + Identifier();
            }

            Take('(');
            List<TemplateExpression> arguments = [];
            if (TryTake(')')) return new Call(name, arguments);
            do
            {
                arguments.Add(Expression(depth + 1));
            }
            while (TryTake(','));
            Take(')');
            return new Call(name, arguments);
        }

        private static TemplateException TooLong() => new("the expression has too many members and indexes in a row");

        private string Quoted()
        {
            System.Text.StringBuilder value = new();
            _rest = _rest[1..];
            while (true)
            {
                int quote = _rest.IndexOf('\'');
                if (quote < 0) throw new TemplateException("a quote is not closed");
                value.Append(_rest[..quote]);
                _rest = _rest[(quote + 1)..];
                // Two quotes stand for one.
                if (_rest.IsEmpty || _rest[0] != '\'') return value.ToString();
                value.Append('\'');
                _rest = _rest[1..];
            }
        }

        private long Whole()
        {
            int length = 1;
            while (length < _rest.Length && char.IsAsciiDigit(_rest[length])) length++;
            if (!long.TryParse(_rest[..length], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
            {
                throw new TemplateException("a number is not understood");
            }

            _rest = _rest[length..];
            return value;
        }

        private string Identifier()
        {
            _rest = _rest.TrimStart();
            int length = 0;
            while (length < _rest.Length && (char.IsAsciiLetterOrDigit(_rest[length]) || _rest[length] is '_' or '-')) length++;
            if (length == 0) throw new TemplateException("a name is missing");
            string name = _rest[..length].ToString();
            _rest = _rest[length..];
            return name;
        }

        private bool TryTake(char c)
        {
            _rest = _rest.TrimStart();
            if (_rest.IsEmpty || _rest[0] != c) return false;
            _rest = _rest[1..];
            return true;
        }

        private void Take(char c)
        {
            if (!TryTake(c)) throw new TemplateException($"'{c}' is missing");
        }
    }
}
