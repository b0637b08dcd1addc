/* An index outside of a tensor ends the run: the first one of a kind is kept for segment.c. A shader
 * declares the buffer fault_words. An index is two words, the low one first. */
void fault(const uint kind, uint node, uvec2 index, uint size)
{
    uint at = kind * VK_FAULT_WORDS;
    if (atomicCompSwap(fault_words[at + VK_FAULT_STATE], 0u, 1u) != 0u)
        return;
    fault_words[at + VK_FAULT_NODE] = node;
    fault_words[at + VK_FAULT_INDEX] = index.x;
    fault_words[at + VK_FAULT_INDEX + 1] = index.y;
    fault_words[at + VK_FAULT_SIZE] = size;
}

/* Did an EXPECT find another size? The run then begins again, from the states that there were. */
bool begins_again()
{
    return fault_words[VK_FAULT_EXPECT * VK_FAULT_WORDS + VK_FAULT_STATE] != 0u;
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
