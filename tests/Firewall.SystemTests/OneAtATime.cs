using Xunit.Sdk;
using Xunit.v3;

// System tests measure time and count packets on a machine with few cores: they would disturb each other.
[assembly: Parallelization(Mode = ParallelMode.None)]
