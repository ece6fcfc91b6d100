using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// A JSON value that knows its line and its path, so that every finding can name both. Property names are found in any case, as
/// Azure's resource manager does and PowerShell's spelling demands.
/// </summary>
internal sealed class JsonValue
{
    private const int IndexFrom = 16;
    private static readonly List<JsonValue> s_none = [];

    // A file of a thousand rules asks for three thousand paths.
    [ThreadStatic]
    private static StringBuilder? t_path;

    private readonly JsonValue? _parent;
    private readonly int _index;
    private List<JsonValue>? _children;
    private Dictionary<string, JsonValue>? _byName;

    public JsonValue(JsonValueKind kind, string text, JsonValue? parent, string? name, int index, int line)
    {
        Kind = kind;
        Text = text;
        _parent = parent;
        Name = name;
        _index = index;
        Line = line;
    }

    public JsonValueKind Kind { get; }

    /// <summary>A string's value, a number's digits, <c>true</c> or <c>false</c>; else empty.</summary>
    public string Text { get; }

    /// <summary>The property's name as written, or null for a list's element and the root.</summary>
    public string? Name { get; }

    /// <summary>1-based.</summary>
    public int Line { get; }

    public bool IsObject => Kind == JsonValueKind.Object;

    public bool IsArray => Kind == JsonValueKind.Array;

    public bool IsString => Kind == JsonValueKind.String;

    /// <summary>An array's elements or an object's property values, in the order of the file.</summary>
    public IReadOnlyList<JsonValue> Children => _children ?? s_none;

    /// <summary>True for what Azure's clients write when a field is not set: null, an empty string, an empty list.</summary>
    public bool IsUnset => Kind == JsonValueKind.Null || (IsString && Text.Length == 0) || (IsArray && Children.Count == 0);

    /// <summary>The value's path from the root, as <c>$.properties.securityRules[2].name</c>.</summary>
    public string Path
    {
        get
        {
            if (_parent is null) return "$";
            StringBuilder path = (t_path ??= new StringBuilder(256)).Clear();
            AppendPath(path);
            return path.ToString();
        }
    }

    /// <summary>The property of that name in any case, or null. A property that is not set is null too.</summary>
    public JsonValue? this[string name]
    {
        get
        {
            JsonValue? found = Find(name);
            return found is null || found.IsUnset ? null : found;
        }
    }

    /// <summary>The property of that name in any case, set or not.</summary>
    public JsonValue? Find(string name)
    {
        if (_children is null || !IsObject) return null;
        if (_byName is not null) return _byName.GetValueOrDefault(name);
        foreach (JsonValue child in _children)
        {
            if (string.Equals(child.Name, name, StringComparison.OrdinalIgnoreCase)) return child;
        }

        return null;
    }

    /// <summary>Adds a child; false if an object has a property of that name, in any case, already.</summary>
    public bool TryAdd(JsonValue child)
    {
        if (child.Name is not null)
        {
            if (Find(child.Name) is not null) return false;
            if (_byName is null && Children.Count >= IndexFrom)
            {
                _byName = new Dictionary<string, JsonValue>(StringComparer.OrdinalIgnoreCase);
                foreach (JsonValue known in Children) _byName[known.Name ?? ""] = known;
            }

            _byName?.Add(child.Name, child);
        }

        (_children ??= []).Add(child);
        return true;
    }

    /// <summary>The list within <c>{"value":[…],"Count":2}</c>, which is how old versions of PowerShell write a list; null for all else.</summary>
    public JsonValue? CountedList() =>
        IsObject && Children.Count == 2 && Find("value") is { IsArray: true } list && Find("Count") is { Kind: JsonValueKind.Number } count
            && count.Text == list.Children.Count.ToString(CultureInfo.InvariantCulture)
            ? new JsonValue(JsonValueKind.Array, "", _parent, Name, _index, Line) { _children = list._children }
            : null;

    /// <summary>Puts another value of the same name in the place of the child that was added last.</summary>
    public void ReplaceLast(JsonValue child)
    {
        // A property that is written twice was not added.
        if (_children is not { Count: > 0 } children || !ReferenceEquals(children[^1].Name, child.Name)) return;
        children[^1] = child;
        if (child.Name is not null && _byName is not null) _byName[child.Name] = child;
    }

    /// <summary>True for the result of a template expression, which must not be taken for an expression again.</summary>
    public bool IsEvaluated { get; private init; }

    /// <summary>A value worked out from this one: it stands where this one stands.</summary>
    public JsonValue With(JsonValueKind kind, string text = "") => new(kind, text, _parent, Name, _index, Line) { IsEvaluated = true };

    /// <summary>A property worked out from this value.</summary>
    public JsonValue Named(string name, JsonValue value) =>
        new(value.Kind, value.Text, this, name, 0, value.Line) { IsEvaluated = true, _children = value._children, _byName = value._byName };

    /// <summary>The same value as a list's element, where its old property name must not count.</summary>
    public JsonValue Unnamed() => new(Kind, Text, _parent, null, 0, Line) { IsEvaluated = IsEvaluated, _children = _children, _byName = _byName };

    /// <summary>Of a root: its file, if it is not the one that is being read, such as a template's parameters.</summary>
    public string? OtherFile { get; set; }

    /// <summary>Where it stands: in the file that is being read, unless its root is of another.</summary>
    public RuleOrigin Origin(string file)
    {
        JsonValue root = this;
        while (root._parent is { } parent) root = parent;
        return new RuleOrigin(root.OtherFile ?? file, Path, Line);
    }

    private void AppendPath(StringBuilder path)
    {
        if (_parent is null)
        {
            path.Append('$');
            return;
        }

        // The depth of the tree is limited by the reader.
        _parent.AppendPath(path);
        if (Name is null) path.Append(CultureInfo.InvariantCulture, $"[{_index}]");
        else if (IsPlain(Name)) path.Append('.').Append(Name);
        else path.Append("['").Append(Name.Replace("'", "\\'", StringComparison.Ordinal)).Append("']");
    }

    private static bool IsPlain(string name)
    {
        if (name.Length == 0 || char.IsAsciiDigit(name[0])) return false;
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '$')) return false;
        }

        return true;
    }
}
