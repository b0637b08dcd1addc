/*
 * Where in x the numbers of a tile are: a tile has rows, of which an invocation brings some to
 * shared memory, four numbers at a time.
 */
#include "layer.glsl"

struct Line { /* a row of x, and where its window begins */
    uint at;
    ivec2 corner;
};
struct Number { /* of a sum, where an invocation loads next: the input of a tap */
    uint input_, tap;
    ivec2 at;
};

/* First elements of a MATMUL's operands. */
uvec2 batch_of(uint batch)
{
    uvec2 at = uvec2(0u);
    for (int d = 7; d >= 0; d--) {
        uint size = uint(p.lead[d >> 2][d & 3]), index = batch % size;
        batch /= size;
        at += index * uvec2(p.lead_x[d >> 2][d & 3], p.lead_w[d >> 2][d & 3]);
    }
    return at;
}

/* First elements of a group's x, and of its weights when they are computed. */
uvec2 begin_of(uint group)
{
    return WEIGHTS == VK_WEIGHTS_PACKED ? uvec2(group * uint(p.x.w), 0u) : batch_of(group);
}

Line line_of(uint m, uint begin)
{
    bool exists = m < uint(p.grid.x);
    m = min(m, uint(p.grid.x) - 1u);
    if (WINDOWS == 0u)
        return Line(m * uint(p.x.z) + begin, ivec2(exists ? 0 : -1));
    uvec3 pixel = pixel_of(m);
    return Line(pixel.x * uint(p.x.x * p.x.y * p.x.z) + begin,
                exists ? ivec2(pixel.yz) * p.window.xy - p.taps.xy : ivec2(-0x3fffffff));
}

/* After numbers were added to its input: the tap that they lead to. */
void settle(inout Number number)
{
    while (number.input_ >= uint(p.depth.x) && number.tap < uint(p.taps.z)) {
        number.input_ -= uint(p.depth.x);
        number.tap++;
        number.at = number.at.y + 1 == p.taps.w ? ivec2(number.at.x + 1, 0) : ivec2(number.at.x, number.at.y + 1);
    }
}

/* Has the row such a number? Then `from` is its element. */
bool is_inside(Line line, Number number, out uint from)
{
    bool inside = number.tap < uint(p.taps.z) && number.input_ < uint(p.x.w);
    from = line.at + number.input_;
    if (WINDOWS == 0u) {
        from += number.tap * uint(p.x.w);
        return inside && line.corner.x >= 0;
    }
    ivec2 pixel = line.corner + number.at * p.window.zw;
    from += uint(pixel.x * p.x.y + pixel.y) * uint(p.x.z);
    return inside && all(greaterThanEqual(pixel, ivec2(0))) && all(lessThan(pixel, p.x.xy));
}

/* The numbers of a sum that a part of it has, when tiles go through it `depth` numbers at a time. */
uvec2 part_of(uint part, uint depth)
{
    uint steps = (uint(p.depth.y) + depth - 1u) / depth, each = (steps + PARTS - 1u) / PARTS * depth;
    return min(uvec2(part, part + 1u) * each, uvec2(p.depth.y));
}
