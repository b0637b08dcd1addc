/* Which OpenVINO a blob says it was compiled by. Private to the OpenVINO backend. */
#ifndef BACKENDS_OPENVINO_ORIGIN_H
#define BACKENDS_OPENVINO_ORIGIN_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { OPENVINO_VERSION_CHARS = 24 };

struct openvino_origin {
    const char *device; /* whose form it has: "CPU", "GPU" or "NPU"; NULL: none that says so */
    char version[OPENVINO_VERSION_CHARS]; /* "2026.4.1"; "" when it does not say */
    bool silent; /* the form is one in which no version is ever said: of CPUs before 2026.4 */
};

/* MALFORMED: it has a form that is known and ends before its time, or more follows. */
enum percept_status openvino_origin(const void *blob, size_t bytes, struct openvino_origin *origin,
                                    struct percept_error *error);

#endif
