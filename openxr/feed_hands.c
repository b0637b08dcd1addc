/*
 * Why a ring without locks: apps ask for joints many times a frame, from any thread. A reader whose
 * slot is overwritten meanwhile, because it slept for RING samples, sees that and looks again.
 */
#include "openxr/feed_hands.h"

#include "openxr/feed_source.h"
#include "openxr/settings.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <string.h>

#define STALE_NS (500 * BASE_NS_PER_MS) /* from capture on: then the hand is anywhere */

enum { RING = 8, HANDS = 2, READ_TRIES = 4 };

struct sample {
    int64_t capture_ns;
    struct skeleton hands[HANDS]; /* by enum percept_handedness */
};

#define SAMPLE_WORDS (sizeof(struct sample) / sizeof(uint64_t))
static_assert(sizeof(struct sample) % sizeof(uint64_t) == 0, "copied by words");
static_assert(sizeof(struct skeleton) % sizeof(uint32_t) == 0, "copied by half words");

/*
 * Written by the thread alone. `turn` is 2n + 1 while sample n is written and 2n + 2 when it is
 * there. Words are released and acquired: who has read one of a later sample also sees that the
 * turn is not what it was.
 */
static struct slot {
    atomic_uint_least64_t turn;
    atomic_uint_least64_t words[SAMPLE_WORDS];
} ring[RING];
static atomic_uint_least64_t newest;    /* number of the newest sample, from 1; released */
static atomic_uint_least64_t oldest;    /* the first of this connection: none before is read */
static atomic_int_least64_t alive_till; /* CLOCK_MONOTONIC; 0: the feed is not live */

static struct skeleton_memory memory[HANDS]; /* the thread's own */

/* ---- the ring ---- */

static void publish(const struct sample *sample)
{
    uint64_t number = atomic_load_explicit(&newest, memory_order_relaxed) + 1;
    struct slot *slot = &ring[number % RING];
    uint64_t words[SAMPLE_WORDS];
    memcpy(words, sample, sizeof words);
    atomic_store_explicit(&slot->turn, 2 * number + 1, memory_order_relaxed);
    for (size_t i = 0; i < SAMPLE_WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_release);
    atomic_store_explicit(&slot->turn, 2 * number + 2, memory_order_release);
    atomic_store_explicit(&newest, number, memory_order_release);
}

/* Copy words of sample `number`; false when it is gone. */
static bool copy(uint64_t number, size_t offset, void *to, size_t size)
{
    struct slot *slot = &ring[number % RING];
    uint64_t words[SAMPLE_WORDS];
    size_t first = offset / sizeof words[0];
    size_t end = (offset + size + sizeof words[0] - 1) / sizeof words[0];
    if (atomic_load_explicit(&slot->turn, memory_order_acquire) != 2 * number + 2)
        return false;
    for (size_t i = first; i < end; i++)
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    if (atomic_load_explicit(&slot->turn, memory_order_relaxed) != 2 * number + 2)
        return false;
    memcpy(to, (const char *)words + offset, size);
    return true;
}

/* The later one of the two samples that say most about the time. */
static uint64_t choose(uint64_t last, uint64_t first, int64_t time_ns)
{
    for (; last > first; last--) {
        int64_t before;
        if (!copy(last - 1, offsetof(struct sample, capture_ns), &before, sizeof before) ||
            before <= time_ns)
            break;
    }
    return last;
}

static bool read_samples(int side, int64_t time_ns, struct feed_hands_view *view)
{
    uint64_t last = atomic_load_explicit(&newest, memory_order_acquire);
    uint64_t first = atomic_load_explicit(&oldest, memory_order_relaxed);
    size_t offset = offsetof(struct sample, hands) + (size_t)side * sizeof(struct skeleton);
    view->count = 0;
    if (last < first)
        return true;
    if (last >= RING / 2 && first < last - RING / 2) /* so many are safe from being overwritten */
        first = last - RING / 2;
    last = choose(last, first, time_ns);
    for (uint64_t number = last; number >= first && number + 2 > last; number--) {
        typeof(view->samples[0]) *sample = &view->samples[view->count];
        if (!copy(number, 0, &sample->capture_ns, sizeof sample->capture_ns) ||
            !copy(number, offset, &sample->hand, sizeof sample->hand))
            return false;
        if (sample->hand.id == 0 || sample->hand.id != view->samples[0].hand.id ||
            sample->capture_ns > view->samples[0].capture_ns)
            break;
        view->count++;
    }
    return true;
}

void feed_hands_read(XrHandEXT hand, int64_t time_ns, struct feed_hands_view *view)
{
    int side = hand == XR_HAND_LEFT_EXT ? PERCEPT_HAND_LEFT : PERCEPT_HAND_RIGHT;
    view->live = base_clock_ns() < atomic_load_explicit(&alive_till, memory_order_acquire);
    view->count = 0;
    for (int i = 0; view->live && i < READ_TRIES; i++)
        if (read_samples(side, time_ns, view))
            return;
    view->count = 0;
}

/* ---- the thread ---- */

static void begin(void)
{
    memset(memory, 0, sizeof memory);
    atomic_store_explicit(&oldest, atomic_load_explicit(&newest, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void take(const struct percept_sample *sample)
{
    static_assert(PERCEPT_HANDS_MAX == HANDS, "a memory each");
    const struct percept_hands *frame = sample->data;
    const struct percept_hand *chosen[HANDS] = {NULL};
    struct sample out = {0};
    if (sample->size != sizeof *frame || frame->capture_ns < 0 ||
        frame->capture_ns > base_clock_ns())
        return;
    out.capture_ns = frame->capture_ns;
    for (uint32_t i = 0; i < frame->hand_count && i < HANDS; i++) {
        const struct percept_hand *hand = &frame->hands[i];
        if (hand->handedness < HANDS &&
            (!chosen[hand->handedness] ||
             chosen[hand->handedness]->handedness_score < hand->handedness_score))
            chosen[hand->handedness] = hand;
    }
    for (int side = 0; side < HANDS; side++)
        if (chosen[side])
            skeleton_from_hand(frame, chosen[side], settings_get()->field_of_view, &memory[side],
                               &out.hands[side]);
    publish(&out);
    atomic_store_explicit(&alive_till, out.capture_ns + STALE_NS, memory_order_release);
}

static void end(void)
{
    atomic_store_explicit(&alive_till, 0, memory_order_release);
}

const struct feed_source feed_hands = {
    .topic = "hands",
    .schema = PERCEPT_HANDS_SCHEMA,
    .begin = begin,
    .take = take,
    .end = end,
};
