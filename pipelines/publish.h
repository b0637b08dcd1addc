/* How a stream becomes a topic: schema, room, and the payload in its slot. */
#ifndef PIPELINES_PUBLISH_H
#define PIPELINES_PUBLISH_H

#include "base/thread_pool.h"
#include "pipelines/stream.h"

struct pipe_publisher; /* of a type that a topic carries */

/* NULL for a type that no topic carries. */
const struct pipe_publisher *pipe_publisher_of(enum pipe_stream_type type);
const char *pipe_publisher_schema(const struct pipe_publisher *publisher);
/* Bytes that a slot needs; max_pixels is the source's largest frame, data_bytes what the node says
 * of its output (0 but for tensors). */
size_t pipe_publisher_max_bytes(const struct pipe_publisher *publisher, size_t max_pixels,
                                size_t data_bytes);
/* Write the payload; returns its bytes, 0 when it does not fit max_bytes. pool may be NULL. */
size_t pipe_publisher_write(const struct pipe_publisher *publisher, void *slot, size_t max_bytes,
                            const void *payload, int64_t model_ns, struct base_pool *pool);

#endif
