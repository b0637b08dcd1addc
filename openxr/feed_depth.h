/* The newest depth map, of the topic "depth" while it is held (FEED_DEPTH). */
#ifndef OPENXR_FEED_DEPTH_H
#define OPENXR_FEED_DEPTH_H

#include "openxr/feed.h"
#include "openxr/openxr_declarations.h"

#include "ipc/depth.h"

/* In metres, checked, and finite. */
struct feed_depth {
    int64_t capture_ns;
    uint32_t width, height;
    XrFovf fov;
    float near_m, far_m;
    struct percept_depth_view view;
    /* What a depth buffer of 16 bits has for it: projected, near_m is 0 and far_m 65534; 65535 is
     * beyond, or not known. */
    const uint16_t *projected;
};

enum { FEED_DEPTH_NOTHING = 65535 };

/* Does not change while it is held. NULL: there is none, or it is stale. Any thread. */
const struct feed_depth *feed_depth_hold(void);
void feed_depth_release(const struct feed_depth *depth); /* NULL is fine */

#endif
