/*
 * Why: a processor that was lost costs a model some frames, not its place there. While segments are
 * hurt, one thread gives each, by and by, the processor that runs then; models run on other
 * backends meanwhile.
 */
#include "backends/dsp/segment.h"

#include "base/clock.h"

#include <time.h>

enum {
    FIRST_PAUSE_MS = 20,
    MOST_DOUBLINGS = 8, /* 5 s */
    PROVEN_MS = 10000,  /* who was well for so long begins with the first pause again */
};

enum mender_state { NONE, RUNS, ENDED };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below, and `mend` of segments */
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct prt_segment *hurt; /* by mend.next */
static struct prt_segment *busy; /* the one that the thread works on, without the lock */
static enum mender_state state;  /* ENDED: to be joined */
static pthread_t thread;

static void init(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void put_off(struct prt_segment *segment)
{
    unsigned doublings = segment->mend.attempts++;
    int64_t pause_ms = FIRST_PAUSE_MS << (doublings < MOST_DOUBLINGS ? doublings : MOST_DOUBLINGS);
    segment->mend.due_ns = base_clock_ns() + pause_ms * BASE_NS_PER_MS;
}

static void take_out(struct prt_segment *segment)
{
    struct prt_segment **at = &hurt;
    while (*at && *at != segment)
        at = &(*at)->mend.next;
    if (*at)
        *at = segment->mend.next;
}

static struct prt_segment *first_due(void)
{
    struct prt_segment *first = hurt;
    for (struct prt_segment *s = hurt; s; s = s->mend.next)
        first = s->mend.due_ns < first->mend.due_ns ? s : first;
    return first;
}

/* Without the lock, since a processor takes its time. */
static bool try_again(struct prt_segment *segment)
{
    busy = segment;
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&segment->lock);
    dsp_leave_link(segment);
    enum percept_status status = dsp_link_get(&segment->link, NULL);
    if (status == PERCEPT_OK)
        status = dsp_put_segment(segment, NULL);
    pthread_mutex_unlock(&segment->lock);
    pthread_mutex_lock(&lock);
    busy = NULL;
    return status == PERCEPT_OK;
}

static void *mend(void *argument)
{
    pthread_mutex_lock(&lock);
    for (struct prt_segment *segment; (segment = first_due()) != NULL;) {
        if (segment->mend.due_ns > base_clock_ns()) {
            struct timespec due = {.tv_sec = segment->mend.due_ns / BASE_NS_PER_S,
                                   .tv_nsec = segment->mend.due_ns % BASE_NS_PER_S};
            pthread_cond_timedwait(&changed, &lock, &due);
            continue;
        }
        if (try_again(segment)) {
            take_out(segment);
            segment->mend.well_ns = base_clock_ns();
            atomic_store_explicit(&segment->mend.is_hurt, false, memory_order_release);
        } else {
            put_off(segment);
        }
        pthread_cond_broadcast(&changed);
    }
    state = ENDED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return argument;
}

/* Under the lock. */
static void join_ended(void)
{
    if (state == ENDED) {
        pthread_join(thread, NULL);
        state = NONE;
    }
}

void dsp_mend_later(struct prt_segment *segment)
{
    pthread_once(&once, init);
    pthread_mutex_lock(&lock);
    if (!atomic_load_explicit(&segment->mend.is_hurt, memory_order_relaxed)) {
        if (base_clock_ns() - segment->mend.well_ns > PROVEN_MS * BASE_NS_PER_MS)
            segment->mend.attempts = 0;
        put_off(segment);
        segment->mend.next = hurt;
        hurt = segment;
        atomic_store_explicit(&segment->mend.is_hurt, true, memory_order_relaxed);
        join_ended();
        if (state == NONE && pthread_create(&thread, NULL, mend, NULL) == 0)
            state = RUNS;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
}

void dsp_mend_never(struct prt_segment *segment)
{
    pthread_once(&once, init);
    pthread_mutex_lock(&lock);
    while (busy == segment)
        pthread_cond_wait(&changed, &lock);
    take_out(segment);
    pthread_cond_broadcast(&changed);
    while (!hurt && state == RUNS)
        pthread_cond_wait(&changed, &lock);
    join_ended();
    pthread_mutex_unlock(&lock);
}

bool dsp_is_well(const struct prt_segment *segment)
{
    return !atomic_load_explicit(&segment->mend.is_hurt, memory_order_acquire);
}
