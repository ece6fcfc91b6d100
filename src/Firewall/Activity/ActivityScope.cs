namespace Firewall.Activity;

/// <summary>
/// The subscription, resource group and region of which resource ids are made for what has none of its own, as in the
/// flow logs: readers of Azure's log find each entry's resource by its id.
/// </summary>
/// <param name="Subscription">In ids.</param>
/// <param name="ResourceGroup">In ids.</param>
/// <param name="Region">Of resources that lie in one.</param>
internal sealed record ActivityScope(Guid Subscription, string ResourceGroup, string Region)
{
    private const string Locations = "/locations/";

    /// <summary>The resource's own id, or one made of its name and the type that the operation is of.</summary>
    /// <param name="operation">What is done.</param>
    /// <param name="resource">An id, or a name.</param>
    public string IdOf(ActivityOperation operation, string resource)
    {
        if (resource.StartsWith("/subscriptions/", StringComparison.OrdinalIgnoreCase)) return resource;
        string type = operation.ResourceType.Replace(Locations, $"{Locations}{Region}/", StringComparison.Ordinal);
        // A name never looks like two steps of an id.
        return $"/subscriptions/{Subscription}/resourceGroups/{ResourceGroup}/providers/{type}/{resource.Trim('/').Replace('/', '.')}";
    }
}
