/* Why copies: what a daemon shares with us it may change while we read it. */
#include "openxr/feed_text.h"

#include "openxr/feed_latest.h"
#include "openxr/feed_source.h"

#include "base/clock.h"

#include <stddef.h>
#include <string.h>

/* Text stays where it is, and the nets may need seconds for a picture full of it; but a daemon that
 * has hung should not leave signs in the air. */
#define STALE_NS (5 * BASE_NS_PER_S)

static struct feed_latest all = FEED_LATEST(STALE_NS), selected = FEED_LATEST(STALE_NS);

/* ---- the thread's own ---- */

/* The last view, by which ids and counts go on, and the one being made. */
struct making {
    struct text_view views[2];
    unsigned last;
    bool any;
};

static struct making of_all, of_selected;
static uint64_t ids;           /* given so far */
static uint32_t width, height; /* of the images with text */

static struct text_view *next(struct making *making)
{
    return &making->views[!making->last];
}

static const struct text_view *before(const struct making *making)
{
    return making->any ? &making->views[making->last] : NULL;
}

static void publish(struct making *making, struct feed_latest *latest)
{
    making->last = !making->last;
    making->any = true;
    const struct text_view *view = before(making);
    size_t size = offsetof(struct text_view, buffer) + view->buffer_size;
    feed_latest_publish_copy(latest, view, size, view->capture_ns);
}

static bool is_time(int64_t capture_ns)
{
    return capture_ns >= 0 && capture_ns <= base_clock_ns();
}

static void take_all(const struct percept_sample *sample)
{
    static struct percept_text text;
    if (sample->size != sizeof text)
        return;
    memcpy(&text, sample->data, sizeof text);
    if (!is_time(text.capture_ns) || !text_view_of_all(&text, before(&of_all), &ids, next(&of_all)))
        return;
    width = text.image_width;
    height = text.image_height;
    publish(&of_all, &all);
}

static void take_selected(const struct percept_sample *sample)
{
    struct percept_text_selected text;
    if (sample->size != sizeof text)
        return;
    memcpy(&text, sample->data, sizeof text);
    if (!is_time(text.capture_ns) ||
        !text_view_of_selected(&text, before(&of_selected), &ids, next(&of_selected)))
        return;
    next(&of_selected)->width = width;
    next(&of_selected)->height = height;
    publish(&of_selected, &selected);
}

static void end_all(void)
{
    width = height = 0;
    feed_latest_forget(&all);
}

static void end_selected(void)
{
    feed_latest_forget(&selected);
}

const struct feed_source feed_text = {
    .topic = "text", .schema = PERCEPT_TEXT_SCHEMA, .take = take_all, .end = end_all};
const struct feed_source feed_text_selected = {.topic = "text.selected",
                                               .schema = PERCEPT_TEXT_SELECTED_SCHEMA,
                                               .take = take_selected,
                                               .end = end_selected};

/* ---- readers ---- */

static struct feed_latest *of(enum feed_topic topic)
{
    return topic == FEED_TEXT ? &all : &selected;
}

const struct text_view *feed_text_hold(enum feed_topic topic)
{
    const struct feed_sample *sample = feed_latest_hold(of(topic));
    return sample ? (const struct text_view *)sample->data : NULL;
}

void feed_text_release(enum feed_topic topic, const struct text_view *view)
{
    if (view)
        feed_latest_release(
            of(topic),
            (const struct feed_sample *)((const char *)view - offsetof(struct feed_sample, data)));
}
