/* Depth maps and planes as `percept echo` and `percept report` tell them. */
#ifndef CLI_DECODE_DEPTH_H
#define CLI_DECODE_DEPTH_H

#include "ipc/depth.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What is wrong, in words; nothing for 0. */
void cli_depth_flags(uint32_t flags, FILE *file);
void cli_depth_line(const void *data, size_t size, FILE *file);
int64_t cli_depth_model_ns(const void *data);
void cli_planes_line(const void *data, size_t size, FILE *file);
/* The least and the largest depth that is known, metres; 0, 0 for none. */
void cli_depth_range(const struct percept_depth_view *view, float *nearest, float *farthest);

#endif
