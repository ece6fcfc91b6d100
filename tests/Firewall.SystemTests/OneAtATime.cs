using Xunit;

// System tests measure time and count packets on a machine with few cores: they would disturb each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
