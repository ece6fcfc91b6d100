using System.Runtime.CompilerServices;

namespace Firewall.Core.Rules.Classification;

/// <summary>Memory for the nodes of a search tree, each of which is to lie in one cache line.</summary>
internal static class AlignedNodes
{
    private const int CacheLine = 64;

    // From this size on the runtime puts an array on the heap of large objects, which it does not move.
    private const int LargeObject = 85_000;

    /// <summary>An array with room for the keys, and where the first cache line begins in it. The keys are not set.</summary>
    /// <remarks>
    /// Small arrays are pinned, so that they stay aligned. Large ones stay where they are anyway, and are not pinned: the heap of pinned objects is none
    /// of those that memory can be set aside on, so that a large tree ended the time without collections in which a policy is built.
    /// </remarks>
    /// <typeparam name="T">The type of a key.</typeparam>
    /// <param name="keys">How many.</param>
    public static (T[] Array, int Start) Allocate<T>(int keys)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        int length = keys + (CacheLine / size);
        T[] array = GC.AllocateUninitializedArray<T>(length, pinned: length * size < LargeObject);
        return (array, OffsetOf(array) / size);
    }

    private static unsafe int OffsetOf<T>(T[] array)
        where T : unmanaged
    {
        fixed (T* first = array) return (int)(-(nint)first & (CacheLine - 1));
    }
}
