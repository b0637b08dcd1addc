/*
 * One view of the two ways in which a graph states images: logical [N, C, H, W] with channels last
 * in memory, and logical [N, H, W, C] in order. Either way memory holds N, H, W, C.
 */
#ifndef BACKENDS_CPU_IMAGE_H
#define BACKENDS_CPU_IMAGE_H

#include "runtime/tensor.h"

struct cpu_image {
    int32_t n, h, w, c;
};

static inline struct cpu_image cpu_image_of(const struct prt_tensor *tensor, bool nhwc)
{
    const int32_t *s = tensor->sizes;
    return nhwc ? (struct cpu_image){s[0], s[1], s[2], s[3]}
                : (struct cpu_image){s[0], s[2], s[3], s[1]};
}

/* Is it of rank 4, and N, H, W, C in memory? */
static inline bool cpu_image_fits(const struct prt_tensor *tensor, bool nhwc)
{
    return nhwc ? tensor->rank == 4 && prt_tensor_is_contiguous(tensor)
                : prt_tensor_is_channels_last(tensor);
}

#endif
