/* Depth maps as a daemon publishes them. */
#ifndef TESTS_OPENXR_DEPTH_SCENE_H
#define TESTS_OPENXR_DEPTH_SCENE_H

#include "ipc/topics.h"

#include <stdbool.h>
#include <stddef.h>

enum { SCENE_WIDTH = 40, SCENE_HEIGHT = 30 };
#define SCENE_NEAR      0.25f
#define SCENE_FAR       8.0f
#define SCENE_FX        20.0f /* so the image spans 90 degrees across */
#define SCENE_SCALE_MAX 3
#define SCENE_BYTES \
    (1024 + SCENE_SCALE_MAX * SCENE_SCALE_MAX * SCENE_WIDTH * SCENE_HEIGHT * (sizeof(float) + 1))

/* Metres at a pixel; 0: not known. A slope, with a hole, a pixel too near and one too far. */
float scene_metres(uint32_t x, uint32_t y);
/* 255 where it is known. */
uint8_t scene_confidence(uint32_t x, uint32_t y);

/* In a payload of SCENE_BYTES; returns its size. scale: of both sides. metres: as float, not in
 * whole millimetres. */
size_t scene_draw(struct percept_depth *depth, int64_t capture_ns, uint32_t scale, bool metres);

#endif
