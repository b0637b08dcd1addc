/* The element at which step i of a loop nest stands: struct vk_loops. */
uint nest_at(const uint rank, ivec4 sizes[2], ivec4 strides[2], uint i)
{
    int at = 0;
    for (int d = int(rank) - 1; d >= 0; d--) {
        uint size = uint(sizes[d >> 2][d & 3]);
        uint rest = d == 0 ? i : i % size;
        at += int(rest) * strides[d >> 2][d & 3];
        i /= size;
    }
    return uint(at);
}
