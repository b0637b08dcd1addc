/* How a stream becomes a topic: schema, room, and the payload in its slot. */
#ifndef PIPELINES_PUBLISH_H
#define PIPELINES_PUBLISH_H

#include "base/thread_pool.h"
#include "pipelines/stream.h"

struct pipe_publisher {
    const char *schema;
    /* Bytes that a slot needs; max_pixels is the source's largest frame, data_bytes what the node
     * says of its output (0 but for tensors). */
    size_t (*max_bytes)(size_t max_pixels, size_t data_bytes);
    /* Write the payload; returns its bytes, 0 when it does not fit max_bytes. pool may be NULL. */
    size_t (*write)(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                    struct base_pool *pool);
};

/* NULL for a type that no topic carries. */
const struct pipe_publisher *pipe_publisher_of(enum pipe_stream_type type);

#endif
