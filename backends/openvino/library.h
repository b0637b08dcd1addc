/* OpenVINO's library, its devices and what was configured. Private to the OpenVINO backend. */
#ifndef BACKENDS_OPENVINO_LIBRARY_H
#define BACKENDS_OPENVINO_LIBRARY_H

#include "backends/openvino/api.h"
#include "backends/openvino/origin.h"
#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>

struct openvino_library {
    struct ov_api api;
    struct ov_core *core;
    pthread_mutex_t import_lock; /* of the core's properties, which the next import takes over */
    char version[OPENVINO_VERSION_CHARS]; /* "2025.4.1" */
    char devices[192];                    /* "CPU, GPU.0, NPU" */
};

/* Opened when it is first asked for, until the process ends: threads of it may be running. NULL and
 * why not (static text). */
struct openvino_library *openvino_library_get(const char **why);

/* As prt_backend.set: "library" and "device". */
enum percept_status openvino_set(const char *key, const char *value, struct percept_error *error);

/* The device to import a blob on that was compiled for this one ("NPU"; NULL: it does not say).
 * UNSUPPORTED when that is another than the configured one, or not here. */
enum percept_status openvino_device(const struct openvino_library *library, const char *compiled,
                                    char *device, size_t size, struct percept_error *error);

/* Fills error with what OpenVINO says that went wrong in the thread's last call; yields status. */
enum percept_status openvino_fail(const struct openvino_library *library,
                                  enum percept_status status, const char *what,
                                  struct percept_error *error);

#endif
