namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Names of Azure's service tags: enough to tell a tag whose addresses are not known here from a word that Azure would refuse. From
/// the service tag file of change number 363; a newer one may have more, and counts first.
/// </summary>
internal static class KnownTags
{
    private static readonly HashSet<string> s_names = new(StringComparer.OrdinalIgnoreCase)
    {
        "ActionGroup", "ApiManagement", "AppConfiguration", "ApplicationInsightsAvailability", "AppService", "AppServiceManagement",
        "AutonomousDevelopmentPlatform", "AzureActiveDirectory", "AzureActiveDirectoryDomainServices", "AzureAdvancedThreatProtection",
        "AzureArcInfrastructure", "AzureAttestation", "AzureBackup", "AzureBotService", "AzureCloud", "AzureCognitiveSearch", "AzureConnectors",
        "AzureContainerRegistry", "AzureCosmosDB", "AzureDatabricks", "AzureDataExplorerManagement", "AzureDataLake", "AzureDeviceUpdate",
        "AzureDevOps", "AzureDevSpaces", "AzureDigitalTwins", "AzureEventGrid", "AzureFrontDoor", "AzureHealthcareAPIs", "AzureInformationProtection",
        "AzureIoTHub", "AzureKeyVault", "AzureLoadTestingInstanceManagement", "AzureMachineLearning", "AzureMachineLearningInference",
        "AzureManagedGrafana", "AzureMonitor", "AzureMonitorForSAP", "AzureOpenDatasets", "AzurePortal", "AzureResourceManager",
        "AzureSecurityCenter", "AzureSentinel", "AzureSignalR", "AzureSiteRecovery", "AzureSphere", "AzureSpringCloud", "AzureStack",
        "AzureTrafficManager", "AzureUpdateDelivery", "AzureWebPubSub", "BatchNodeManagement", "ChaosStudio", "CognitiveServicesFrontend",
        "CognitiveServicesManagement", "DataFactory", "DataFactoryManagement", "Dynamics365BusinessCentral", "Dynamics365ForMarketingEmail",
        "EOPExternalPublishedIPs", "EventHub", "GatewayManager", "Grafana", "GuestAndHybridManagement", "HDInsight", "KustoAnalytics", "LogicApps",
        "LogicAppsManagement", "M365ManagementActivityApi", "M365ManagementActivityApiWebhook", "Marketplace", "MicrosoftAzureFluidRelay",
        "MicrosoftCloudAppSecurity", "MicrosoftContainerRegistry", "MicrosoftDefenderForEndpoint", "MicrosoftPurviewPolicyDistribution",
        "OneDsCollector", "PowerBI", "PowerPlatformInfra", "PowerPlatformPlex", "PowerQueryOnline", "SCCservice", "Scuba", "SecurityCopilot",
        "SerialConsole", "ServiceBus", "ServiceFabric", "Sql", "SqlManagement", "Storage", "StorageMover", "StorageSyncService", "VideoIndexer",
        "WindowsAdminCenter", "WindowsVirtualDesktop",
        // Seen in exported groups; Azure takes them in some subscriptions, and the public file leaves them out.
        "CorpNetPublic", "CorpNetSaw",
    };

    /// <summary>True for a tag of Azure's, also in a regional form.</summary>
    public static bool Contains(string tag)
    {
        int dot = tag.IndexOf('.', StringComparison.Ordinal);
        return s_names.Contains(dot < 0 ? tag : tag[..dot]);
    }
}
