/* What a user may say about the layer, in the environment: docs/openxr.md. */
#ifndef OPENXR_SETTINGS_H
#define OPENXR_SETTINGS_H

#include "openxr/openxr_declarations.h"

#include <stdbool.h>

struct settings {
    bool override;         /* serve our extensions even where the runtime has its own */
    float field_of_view;   /* of the camera, horizontal, radians */
    bool camera_is_fixed;  /* in the LOCAL space; else it moves with the VIEW space */
    XrPosef camera;        /* the camera in that space: x right, y up, looking along -z */
    int64_t prediction_ns; /* how far beyond the last sample a pose is extrapolated at most */
};

/* Read once in a process; a value that makes no sense is said on stderr, and left as it was by
 * default. Never NULL. Any thread. */
const struct settings *settings_get(void);

#endif
