#include "pipelines/pointing.h"

#include <math.h>

enum { INDEX = 5, MIDDLE = 9, RING = 13, LITTLE = 17, BONES = 3 };

static float distance(const float a[3], const float b[3])
{
    return sqrtf((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                 (a[2] - b[2]) * (a[2] - b[2]));
}

float pipe_finger_straightness(const struct percept_hand *hand, int base)
{
    float bones = 0;
    for (int i = base; i < base + BONES; i++)
        bones += distance(hand->world[i], hand->world[i + 1]);
    return bones > 0 ? distance(hand->world[base], hand->world[base + BONES]) / bones : 0;
}

bool pipe_hand_points(const struct percept_hand *hand, bool was_pointing)
{
    static const int others[] = {MIDDLE, RING, LITTLE};
    float straight = was_pointing ? 0.8f : 0.9f, bent = was_pointing ? 0.9f : 0.8f;
    unsigned count = 0;
    for (unsigned i = 0; i < 3; i++)
        count += pipe_finger_straightness(hand, others[i]) < bent;
    return pipe_finger_straightness(hand, INDEX) > straight && count >= 2;
}

float pipe_line_distance(const struct percept_text_line *line, const float point[2], float below,
                         float margin)
{
    /* The middles of its four sides: lines are quadrilaterals, seen at an angle. */
    const float(*c)[2] = line->corners;
    float along[2] = {(c[1][0] + c[2][0] - c[0][0] - c[3][0]) / 2,
                      (c[1][1] + c[2][1] - c[0][1] - c[3][1]) / 2};
    float down[2] = {(c[3][0] + c[2][0] - c[0][0] - c[1][0]) / 2,
                     (c[3][1] + c[2][1] - c[0][1] - c[1][1]) / 2};
    float centre[2] = {(c[0][0] + c[1][0] + c[2][0] + c[3][0]) / 4,
                       (c[0][1] + c[1][1] + c[2][1] + c[3][1]) / 4};
    float width = hypotf(along[0], along[1]), height = hypotf(down[0], down[1]);
    float area = along[0] * down[1] - along[1] * down[0];
    if (!(width > 0 && height > 0 && fabsf(area) > 1e-6f * width * height))
        return -1;
    /* The point in the line's own axes: both -1/2..1/2 inside. */
    float x = point[0] - centre[0], y = point[1] - centre[1];
    float a = (x * down[1] - y * down[0]) / area, b = (along[0] * y - along[1] * x) / area;
    float beside = fmaxf(fabsf(a) - 0.5f, 0) * width / height, under = b - 0.5f, over = -b - 0.5f;
    if (!(beside <= margin && under <= below && over <= margin))
        return -1;
    return hypotf(beside, fmaxf(fmaxf(under, over), 0));
}
