/*
 * The header of a plugin: a backend in a shared object that Percept finds in a folder
 * (docs/backends.md). Every source file of the plugin includes it instead of backend.h; one of them
 * says PRT_PLUGIN(backend); where the backend's struct is. Build with -fvisibility=hidden, link
 * with -Wl,-z,defs and no library of Percept's: a call of something that a plugin may not call is
 * then an error of the linker.
 *
 * A C++ plugin includes it as it stands. No exception may leave one of its functions.
 */
#ifndef RUNTIME_PLUGIN_H
#define RUNTIME_PLUGIN_H

#ifdef __cplusplus
extern "C" {
#endif

#include "runtime/plugin_abi.h"

#include <stdlib.h>
#include <time.h>

/* Of the whole plugin. Set when it is loaded, not yet in constructors. */
extern const struct prt_plugin_calls *percept_calls __attribute__((visibility("hidden")));
extern const struct prt_plugin percept_backend __attribute__((visibility("default")));

/* What is called by its name is called in the program that loaded us; one row for each of
 * PRT_PLUGIN_CALLS_TABLE. */
#define percept_error_fill          (percept_calls->percept_error_fill)
#define percept_error_fill_errno    (percept_calls->percept_error_fill_errno)
#define percept_error_format        (percept_calls->percept_error_format)
#define percept_status_text         (percept_calls->percept_status_text)
#define base_pool_run               (percept_calls->base_pool_run)
#define base_pool_threads           (percept_calls->base_pool_threads)
#define prt_dtype_known             (percept_calls->prt_dtype_known)
#define prt_dtype_size              (percept_calls->prt_dtype_size)
#define prt_dtype_name              (percept_calls->prt_dtype_name)
#define prt_tensor_bytes            (percept_calls->prt_tensor_bytes)
#define prt_tensor_elements         (percept_calls->prt_tensor_elements)
#define prt_tensor_strides          (percept_calls->prt_tensor_strides)
#define prt_tensor_is_contiguous    (percept_calls->prt_tensor_is_contiguous)
#define prt_tensor_is_channels_last (percept_calls->prt_tensor_is_channels_last)
#define prt_tensor_same_sizes       (percept_calls->prt_tensor_same_sizes)
#define prt_tensor_same_layout      (percept_calls->prt_tensor_same_layout)
#define prt_tensor_describe         (percept_calls->prt_tensor_describe)
#define prt_op_name                 (percept_calls->prt_op_name)
#define prt_op_layout               (percept_calls->prt_op_layout)
#define prt_binary_name             (percept_calls->prt_binary_name)
#define prt_unary_name              (percept_calls->prt_unary_name)
#define prt_value_int               (percept_calls->prt_value_int)
#define prt_slice_range             (percept_calls->prt_slice_range)
#define prt_deferred_read           (percept_calls->prt_deferred_read)
#define prt_deferred_read_part      (percept_calls->prt_deferred_read_part)

#ifdef CLOCK_MONOTONIC /* not of a compiler that keeps to the C standard alone */
/* For the times of a profile. */
static inline int64_t prt_plugin_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
#endif

/* destroy of a backend whose segments are one piece of memory each, from malloc. */
static inline void prt_plugin_free(struct prt_segment *segment)
{
    free(segment);
}

/* scratch_bytes of a backend that needs none. */
static inline size_t prt_plugin_no_scratch(const struct prt_segment *segment)
{
    (void)segment;
    return 0;
}

/* At file scope, once in a plugin: export this struct prt_backend. */
#define PRT_PLUGIN_NUMBER(number) (uint32_t)(number),
#define PRT_PLUGIN(implementation)                    \
    const struct prt_plugin_calls *percept_calls;     \
    const struct prt_plugin percept_backend = {       \
        PRT_BACKEND_VERSION,                          \
        sizeof(struct prt_backend),                   \
        {PRT_PLUGIN_LAYOUT_TABLE(PRT_PLUGIN_NUMBER)}, \
        &(implementation),                            \
        &percept_calls,                               \
    }

#ifdef __cplusplus
}
#endif

#endif
