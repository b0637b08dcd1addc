#include "openxr/feed_depth.h"

#include "openxr/feed_latest.h"
#include "openxr/feed_source.h"

#include "base/clock.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { SIDE_MAX = 4096, ALIGN = 64 };

static struct feed_latest latest = FEED_LATEST(500 * BASE_NS_PER_MS);

static bool positive(float value)
{
    return value > 0 && isfinite(value);
}

/* Is it a picture that a camera took, and measured in metres? */
static bool fits(const struct percept_depth *depth)
{
    return depth->capture_ns >= 0 && depth->capture_ns <= base_clock_ns() &&
           !(depth->flags & PERCEPT_DEPTH_NO_METRES) && depth->width > 0 &&
           depth->width <= SIDE_MAX && depth->height > 0 && depth->height <= SIDE_MAX &&
           positive(depth->fx) && positive(depth->fy) && isfinite(depth->cx) &&
           isfinite(depth->cy) && positive(depth->near_m) && positive(depth->far_m) &&
           depth->near_m < depth->far_m;
}

static XrFovf fov_of(const struct percept_depth *depth)
{
    return (XrFovf){.angleLeft = atanf(-depth->cx / depth->fx),
                    .angleRight = atanf(((float)depth->width - depth->cx) / depth->fx),
                    .angleUp = atanf(depth->cy / depth->fy),
                    .angleDown = atanf((depth->cy - (float)depth->height) / depth->fy)};
}

/* z of 0 is not known, as is what is no number. */
static void project(const struct percept_depth_view *view, size_t count, uint16_t *projected)
{
    const float most = FEED_DEPTH_NOTHING - 1;
    float near = view->depth->near_m, far = view->depth->far_m;
    float scale = most * far / (far - near), bias = scale * near;
    for (size_t i = 0; i < count; i++) {
        float z = view->metres ? view->metres[i] : (float)view->millimetres[i] * 1e-3f;
        float d = scale - bias / z;
        d = d > 0 ? d + .5f : .5f;
        projected[i] = z > 0 ? (uint16_t)(d < most ? d : most) : FEED_DEPTH_NOTHING;
    }
}

/* In a sample: the head, what was published, and its projection, which is smaller than that. */
static void take(const struct percept_sample *sample)
{
    const size_t head = (sizeof(struct feed_depth) + ALIGN - 1) / ALIGN * ALIGN;
    size_t body = (sample->size + ALIGN - 1) / ALIGN * ALIGN;
    struct feed_sample *made = feed_latest_room(&latest, head + 2 * body);
    if (!made)
        return;
    struct percept_depth_view view;
    memcpy(made->data + head, sample->data, sample->size);
    if (percept_depth_look(made->data + head, sample->size, &view, NULL) != PERCEPT_OK ||
        !fits(view.depth)) {
        feed_latest_release(&latest, made);
        return;
    }
    uint16_t *projected = (void *)(made->data + head + body);
    project(&view, (size_t)view.depth->width * view.depth->height, projected);
    *(struct feed_depth *)(void *)made->data =
        (struct feed_depth){.capture_ns = view.depth->capture_ns,
                            .width = view.depth->width,
                            .height = view.depth->height,
                            .fov = fov_of(view.depth),
                            .near_m = view.depth->near_m,
                            .far_m = view.depth->far_m,
                            .view = view,
                            .projected = projected};
    feed_latest_publish(&latest, made, view.depth->capture_ns);
}

static void end(void)
{
    feed_latest_forget(&latest);
}

const struct feed_depth *feed_depth_hold(void)
{
    const struct feed_sample *sample = feed_latest_hold(&latest);
    return sample ? (const void *)sample->data : NULL;
}

void feed_depth_release(const struct feed_depth *depth)
{
    if (depth)
        feed_latest_release(
            &latest, (const void *)((const char *)depth - offsetof(struct feed_sample, data)));
}

const struct feed_source feed_depth = {
    .topic = "depth",
    .schema = PERCEPT_DEPTH_SCHEMA,
    .take = take,
    .end = end,
};
