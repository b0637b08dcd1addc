/* Why: two cameras that nothing synchronises still show the world at most half a frame apart, if
 * the right frames are put together; and whoever uses them must know how far. */
#include "pipelines/camera_pair.h"

#include "base/clock.h"

#define MOST_SKIPPED   8 /* more than a camera's buffers hold after a rest of the other's */
#define FIRST_INTERVAL (BASE_NS_PER_S / 30) /* while it is not known */
#define WEIGHT         8                    /* of the past, in the average */

void pipe_camera_pair_close(struct pipe_camera_pair *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        pipe_camera_slot_close(&p->slots[i]);
        p->last_ns[i] = 0;
    }
}

enum percept_status pipe_camera_pair_open(struct pipe_camera_pair *p, unsigned count,
                                          const struct pipe_source_setup *setup,
                                          const struct pipe_camera_options *options, bool retry,
                                          struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    *p = (struct pipe_camera_pair){.count = count};
    for (unsigned i = 0; i < count && status == PERCEPT_OK; i++)
        status = pipe_camera_slot_open(&p->slots[i], setup, &options[i], retry, error);
    if (status != PERCEPT_OK)
        pipe_camera_pair_close(p);
    return status;
}

static enum percept_status take(struct pipe_camera_pair *p, unsigned i, struct pipe_frame *frame,
                                int64_t *at_ns, struct percept_error *error)
{
    int64_t at;
    enum percept_status status = pipe_camera_slot_next(&p->slots[i], frame, &at, error);
    if (status == PERCEPT_DISCONNECTED)
        p->last_ns[i] = 0;
    if (status != PERCEPT_OK)
        return status;
    int64_t since = at - p->last_ns[i];
    int64_t *interval = &p->interval_ns[i];
    if (p->last_ns[i] && since > 0 && since < BASE_NS_PER_S)
        *interval = *interval ? *interval + (since - *interval) / WEIGHT : since;
    p->last_ns[i] = at;
    *at_ns = at;
    return status;
}

enum percept_status pipe_camera_pair_next(struct pipe_camera_pair *p,
                                          struct pipe_frame *const frames[PIPE_CAMERAS_MOST],
                                          int64_t at_ns[PIPE_CAMERAS_MOST],
                                          struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < p->count && status == PERCEPT_OK; i++)
        status = take(p, i, frames[i], &at_ns[i], error);
    for (unsigned skipped = 0; p->count == 2 && status == PERCEPT_OK && skipped < MOST_SKIPPED;
         skipped++) {
        unsigned behind = at_ns[0] < at_ns[1] ? 0 : 1;
        int64_t interval = p->interval_ns[behind] ? p->interval_ns[behind] : FIRST_INTERVAL;
        if (at_ns[!behind] - at_ns[behind] <= interval / 2)
            break;
        status = take(p, behind, frames[behind], &at_ns[behind], error);
    }
    return status;
}
