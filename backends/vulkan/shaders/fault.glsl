/* An index outside of a tensor ends the run: the first one is kept for segment.c. A shader declares
 * the buffer fault_words. An index is two words, the low one first. */
void fault(const uint state, uint node, uvec2 index, uint size)
{
    if (atomicCompSwap(fault_words[VK_FAULT_STATE], 0u, state) != 0u)
        return;
    fault_words[VK_FAULT_NODE] = node;
    fault_words[VK_FAULT_INDEX] = index.x;
    fault_words[VK_FAULT_INDEX + 1] = index.y;
    fault_words[VK_FAULT_SIZE] = size;
}

/* An index that counts from the end when negative, as one of `size` elements; else NOWHERE, which
 * is a fault. */
#define NOWHERE 0xffffffffu
uint checked(uvec2 index, uint size, uint node)
{
    bool negative = int(index.y) < 0;
    uint at = negative ? index.x + size : index.x;
    if (index.y == (negative ? 0xffffffffu : 0u) && at < size && (!negative || index.x >= 0u - size))
        return at;
    fault(VK_FAULT_OUTSIDE, node, index, size);
    return NOWHERE;
}
