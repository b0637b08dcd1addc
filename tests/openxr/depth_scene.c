#include "depth_scene.h"

#include <string.h>

float scene_metres(uint32_t x, uint32_t y)
{
    if (x == 3 && y == 2)
        return 0;
    if (x == 5 && y == 2)
        return 0.1f; /* nearer than near */
    if (x == 7 && y == 2)
        return 20;
    return 0.5f + 0.1f * (float)x + 0.02f * (float)y;
}

uint8_t scene_confidence(uint32_t x, uint32_t y)
{
    return scene_metres(x, y) > 0 ? 255 : 0;
}

size_t scene_draw(struct percept_depth *depth, int64_t capture_ns, uint32_t scale, bool metres)
{
    const uint32_t width = SCENE_WIDTH * scale, height = SCENE_HEIGHT * scale;
    const size_t pixels = (size_t)width * height;
    const size_t element = metres ? sizeof(float) : sizeof(uint16_t);
    const size_t first = (sizeof *depth + 63) / 64 * 64;
    const size_t second = (first + pixels * element + 63) / 64 * 64;
    memset(depth, 0, sizeof *depth);
    *depth = (struct percept_depth){.capture_ns = capture_ns,
                                    .width = width,
                                    .height = height,
                                    .fx = SCENE_FX * (float)scale,
                                    .fy = SCENE_FX * (float)scale,
                                    .cx = (float)width / 2,
                                    .cy = (float)height / 2,
                                    .near_m = SCENE_NEAR,
                                    .far_m = SCENE_FAR,
                                    .map_count = 2,
                                    .maps = {{.name = "depth",
                                              .dtype = metres ? PERCEPT_FLOAT32 : PERCEPT_UINT16,
                                              .rank = 2,
                                              .sizes = {height, width},
                                              .offset = first,
                                              .bytes = pixels * element},
                                             {.name = "confidence",
                                              .dtype = PERCEPT_UINT8,
                                              .rank = 2,
                                              .sizes = {height, width},
                                              .offset = second,
                                              .bytes = pixels}}};
    char *bytes = (char *)depth;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            size_t i = (size_t)y * width + x;
            float z = scene_metres(x / scale, y / scale);
            if (metres)
                ((float *)(void *)(bytes + first))[i] = z;
            else
                ((uint16_t *)(void *)(bytes + first))[i] = (uint16_t)(z * 1000 + .5f);
            bytes[second + i] = (char)scene_confidence(x / scale, y / scale);
        }
    return second + pixels;
}
