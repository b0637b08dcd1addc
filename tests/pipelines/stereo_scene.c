#include "stereo_scene.h"

#include <stdbool.h>

static uint32_t hash(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t h = a * 2654435761u ^ b * 2246822519u ^ c * 3266489917u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    h *= 3266489917u;
    return h ^ h >> 16;
}

/* Texture of a surface, the same for both eyes: blocks of two pixels, and finer ones on them. */
static int texture(int surface, int x, int y)
{
    uint32_t coarse = hash((uint32_t)(x >> 1) + 1000, (uint32_t)(y >> 1) + 1000, (uint32_t)surface);
    uint32_t fine = hash((uint32_t)x + 5000, (uint32_t)y + 5000, (uint32_t)surface);
    return (surface ? 90 : 40) + (int)(coarse % 100) + (int)(fine % 30);
}

static bool on_square(const struct stereo_scene *s, int x, int y)
{
    int w = (int)s->width, h = (int)s->height;
    return x >= w * 2 / 5 && x < w * 7 / 10 && y >= h / 4 && y < h * 3 / 4;
}

int stereo_scene_disparity(const struct stereo_scene *s, int x, int y)
{
    return on_square(s, x, y) ? s->square : s->wall;
}

void stereo_scene_draw(const struct stereo_scene *s, unsigned eye, uint8_t *pixels, uint32_t stride)
{
    for (int y = 0; y < (int)s->height; y++)
        for (int x = 0; x < (int)s->width; x++) {
            int row = eye ? y - s->down : y;
            int of_square = eye ? x + s->square : x, of_wall = eye ? x + s->wall : x;
            int value = on_square(s, of_square, row) ? texture(1, of_square, row)
                                                     : texture(0, of_wall, row);
            value += s->noise ? (int)(hash((uint32_t)x, (uint32_t)y, 77 + eye) %
                                      (uint32_t)(2 * s->noise + 1)) -
                                    s->noise
                              : 0;
            uint8_t *p = pixels + (uint32_t)y * stride + (uint32_t)x * 3;
            p[0] = p[1] = p[2] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
}
