/* Why: whoever publishes captions must neither wait for a disk nor remember what was forgotten. */
#include "transcript/tap.h"

#include "transcript/recorder.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool tap_is_hidden(const struct tap_hidden *hidden, const struct percept_caption *caption)
{
    int64_t to = atomic_load_explicit(&hidden->to_ns, memory_order_acquire);
    int64_t from = atomic_load_explicit(&hidden->from_ns, memory_order_relaxed);
    /* Speech that goes on has begun before, and has no end yet. */
    return caption->begin_ns < to && (caption->end_ns >= from || !caption->final);
}

/* ---- taking out ---- */

static void take_out(const struct tap_hidden *hidden, struct percept_captions *captions)
{
    uint32_t kept = 0;
    if (captions->caption_count > PERCEPT_CAPTIONS_MAX)
        captions->caption_count = PERCEPT_CAPTIONS_MAX;
    for (uint32_t i = 0; i < captions->caption_count; i++) {
        if (tap_is_hidden(hidden, &captions->captions[i]))
            continue;
        if (kept != i)
            captions->captions[kept] = captions->captions[i];
        kept++;
    }
    if (kept == captions->caption_count)
        return;
    memset(&captions->captions[kept], 0,
           (captions->caption_count - kept) * sizeof captions->captions[0]);
    captions->caption_count = kept;
}

/* ---- queueing ---- */

static bool push(struct transcript_tap *tap, const struct percept_caption *caption)
{
    uint32_t tail = atomic_load_explicit(&tap->tail, memory_order_relaxed);
    /* acquire: the place is ours only after the recorder is done with it. */
    uint32_t head = atomic_load_explicit(&tap->head, memory_order_acquire);
    if (tail - head == TAP_QUEUE)
        return false;
    tap->queue[tail % TAP_QUEUE] = *caption;
    /* release: the caption is whole before the recorder finds it. */
    atomic_store_explicit(&tap->tail, tail + 1, memory_order_release);
    return true;
}

static void lose(struct transcript_tap *tap)
{
    atomic_fetch_add_explicit(&tap->lost, 1, memory_order_relaxed);
}

/* What is known of the caption; something that is not in this sample gives way to it. */
static struct tap_known *know(struct transcript_tap *tap, const struct percept_caption *caption)
{
    for (size_t i = 0; i < TAP_MEMORY; i++) {
        struct tap_known *known = &tap->known[i];
        if (known->version && known->id == caption->id && known->begin_ns == caption->begin_ns)
            return known;
    }
    do
        tap->last = (tap->last + 1) % TAP_MEMORY;
    while (tap->known[tap->last].seen); /* a sample has fewer than there is room for */
    struct tap_known *known = &tap->known[tap->last];
    if (known->waits)
        lose(tap);
    *known = (struct tap_known){.id = caption->id, .begin_ns = caption->begin_ns};
    return known;
}

/* True when it has been queued now. Versions count from 1; whoever translates a caption later does
 * not make another one of it. */
static bool look_at(struct transcript_tap *tap, const struct percept_caption *caption)
{
    struct tap_known *known = know(tap, caption);
    uint32_t version = caption->version ? caption->version : 1;
    bool translated = caption->translation_language[0] != '\0';
    known->seen = true;
    if (known->version >= version && known->translated >= translated && !known->waits)
        return false;
    known->version = version;
    known->translated = translated;
    known->waits = !push(tap, caption);
    return !known->waits;
}

/* Those that wait are tried again with the next sample, as long as that still has them. */
static void end_sample(struct transcript_tap *tap)
{
    for (size_t i = 0; i < TAP_MEMORY; i++) {
        struct tap_known *known = &tap->known[i];
        if (known->waits && !known->seen) {
            lose(tap);
            known->waits = false;
        }
        known->seen = false;
    }
}

static void wake(const struct transcript_tap *tap)
{
    const uint64_t one = 1;
    while (write(tap->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ; /* full means awake */
}

void transcript_tap_look(struct transcript_tap *tap, struct percept_captions *captions)
{
    int64_t since = atomic_load_explicit(&tap->kept_since_ns, memory_order_relaxed);
    bool queued = false;
    take_out(tap->hidden, captions);
    for (uint32_t i = 0; i < captions->caption_count; i++) {
        const struct percept_caption *caption = &captions->captions[i];
        if (caption->final && caption->text[0] && since != INT64_MAX && caption->begin_ns >= since)
            queued |= look_at(tap, caption);
    }
    end_sample(tap);
    if (queued)
        wake(tap);
}
