using Xunit.v3;
using Xunit.Sdk;

// System tests measure time and count packets on a machine with few cores: they would disturb each other.
[assembly: Parallelization(Mode = ParallelMode.None)]
