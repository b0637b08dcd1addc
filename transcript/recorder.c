/* Why: a disk may be slow, full or broken, and none of that is the business of who listens. */
#include "transcript/recorder.h"

#include "base/clock.h"
#include "transcript/tap.h"
#include "transcript/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define KEEP_NS    (3600 * BASE_NS_PER_S) /* between two looks for what is too old */
#define BOOT_BYTES 64
#define BATCH      16 /* lines of a transaction */

struct transcript_recorder {
    struct transcript_recorder_options options;
    char *path, boot[BOOT_BYTES];
    int wake_fd;
    pthread_t thread;
    bool threaded;                         /* loop thread */
    _Atomic(struct transcript_tap *) taps; /* loop adds (release); none ever goes */
    struct tap_hidden hidden;
    char wanted[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES]; /* loop thread */
    size_t wanted_count;
    bool began; /* loop thread: topics have been named once */

    pthread_mutex_t mutex; /* of what follows */
    struct transcript_job *jobs, **jobs_end;
    struct transcript_limits limits;
    bool on, changed, stop;
    size_t name_count; /* topics that have lines */
    char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES];
    struct transcript_recorder_stats stats; /* without what the taps lost */

    /* The recorder's thread alone. */
    struct transcript_store *store;
    struct percept_error why; /* there is none */
    bool failing;
    int64_t keep_at_ns;
};

/* ---- telling ---- */

static void tell(const struct transcript_recorder *recorder, enum base_log_level level,
                 const char *text)
{
    if (recorder->options.event)
        recorder->options.event(recorder->options.context, level, text);
}

/* It has failed, or is well again. One event each time that it changes. */
static void note(struct transcript_recorder *recorder, const struct percept_error *error)
{
    bool failing = error != NULL;
    pthread_mutex_lock(&recorder->mutex);
    snprintf(recorder->stats.message, sizeof recorder->stats.message, "%.255s",
             failing ? error->message : "");
    pthread_mutex_unlock(&recorder->mutex);
    if (failing && !recorder->failing) {
        char text[600];
        snprintf(text, sizeof text, "captions are not kept: %s", error->message);
        tell(recorder, BASE_LOG_ERROR, text);
    } else if (!failing && recorder->failing) {
        tell(recorder, BASE_LOG_INFO, "captions are kept again");
    }
    recorder->failing = failing;
}

/* What others ask for, of the store as it is. */
static void show(struct transcript_recorder *recorder)
{
    struct transcript_store_stats stats = {0};
    if (recorder->store)
        transcript_store_stats(recorder->store, &stats);
    pthread_mutex_lock(&recorder->mutex);
    recorder->stats.lines = stats.lines;
    recorder->stats.bytes = stats.bytes;
    recorder->name_count =
        recorder->store ? transcript_store_topics(recorder->store, recorder->names) : 0;
    pthread_mutex_unlock(&recorder->mutex);
}

static void count(struct transcript_recorder *recorder, uint64_t *counter, uint64_t more)
{
    pthread_mutex_lock(&recorder->mutex);
    *counter += more;
    pthread_mutex_unlock(&recorder->mutex);
}

/* ---- the store ---- */

static void close_store(struct transcript_recorder *recorder)
{
    transcript_store_close(recorder->store);
    recorder->store = NULL;
}

static void open_store(struct transcript_recorder *recorder)
{
    struct percept_error error = {0};
    if (transcript_store_open(recorder->path, recorder->boot, &recorder->store, &error)) {
        recorder->why = error;
        note(recorder, &error);
    } else {
        note(recorder, NULL);
    }
    recorder->keep_at_ns = 0;
    show(recorder);
}

/* Failed or not, this is how it went. A damaged store is let go of: writing on would only do harm.
 */
static void judge(struct transcript_recorder *recorder, enum percept_status status,
                  const struct percept_error *error)
{
    struct transcript_store_stats stats;
    note(recorder, status == PERCEPT_OK ? NULL : error);
    transcript_store_stats(recorder->store, &stats);
    if (stats.damaged && status != PERCEPT_OK) {
        recorder->why = *error;
        close_store(recorder);
    }
    show(recorder);
}

/* ---- writing ---- */

/* A caption's texts, as they are kept. */
struct texts {
    char language[PERCEPT_LANGUAGE_BYTES], translation_language[PERCEPT_LANGUAGE_BYTES];
    char text[PERCEPT_CAPTION_BYTES], translation[PERCEPT_CAPTION_BYTES];
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
}

/* The same moment by another clock; times from outside may be anything. */
static int64_t moved(int64_t ns, int64_t by)
{
    int64_t result;
    return !__builtin_add_overflow(ns, by, &result) ? result : ns;
}

static struct transcript_line line_of(const struct transcript_tap *tap,
                                      const struct percept_caption *caption, struct texts *texts)
{
    int64_t monotonic = clock_ns(CLOCK_MONOTONIC);
    int64_t real = clock_ns(CLOCK_REALTIME) - monotonic,
            boot = clock_ns(CLOCK_BOOTTIME) - monotonic;
    int64_t end = caption->end_ns < caption->begin_ns ? caption->begin_ns : caption->end_ns;
#define COPY(name) \
    transcript_text_copy(texts->name, sizeof texts->name, caption->name, sizeof caption->name)
    COPY(language);
    COPY(translation_language);
    COPY(text);
    COPY(translation);
#undef COPY
    return (struct transcript_line){.topic = tap->topic,
                                    .utterance = caption->id & INT64_MAX,
                                    .monotonic_ns = caption->begin_ns,
                                    .boot_ns = moved(end, boot),
                                    .begin_ns = moved(caption->begin_ns, real),
                                    .end_ns = moved(end, real),
                                    .version = caption->version,
                                    .side = caption->side,
                                    .score = (double)caption->score,
                                    .language = texts->language,
                                    .text = texts->text,
                                    .translation_language = texts->translation_language,
                                    .translation = texts->translation};
}

static void write_lines(struct transcript_recorder *recorder, const struct transcript_line *lines,
                        size_t many)
{
    struct percept_error error = {0};
    if (many == 0)
        return;
    if (!recorder->store) {
        count(recorder, &recorder->stats.lost, many);
        return;
    }
    enum percept_status status = transcript_store_add(recorder->store, lines, many, &error);
    count(recorder, status == PERCEPT_OK ? &recorder->stats.written : &recorder->stats.lost, many);
    judge(recorder, status, &error);
}

/* Write what is queued. Places are wiped before they are given back: what is forgotten is not in
 * memory either. */
static void drain(struct transcript_recorder *recorder, struct transcript_tap *tap)
{
    struct transcript_line lines[BATCH];
    struct texts texts[BATCH];
    uint32_t head = atomic_load_explicit(&tap->head, memory_order_relaxed);
    for (;;) {
        /* acquire: what was put there before. */
        uint32_t tail = atomic_load_explicit(&tap->tail, memory_order_acquire), taken = 0;
        size_t many = 0;
        for (; taken < BATCH && head + taken != tail; taken++) {
            struct percept_caption *caption = &tap->queue[(head + taken) % TAP_QUEUE];
            if (!tap_is_hidden(&recorder->hidden, caption)) {
                lines[many] = line_of(tap, caption, &texts[many]);
                many++;
            }
            explicit_bzero(caption, sizeof *caption);
        }
        if (taken == 0)
            return;
        head += taken;
        /* release: after all that we did with the places. */
        atomic_store_explicit(&tap->head, head, memory_order_release);
        write_lines(recorder, lines, many);
        explicit_bzero(texts, sizeof texts);
    }
}

static void drain_all(struct transcript_recorder *recorder)
{
    struct transcript_tap *tap = atomic_load_explicit(&recorder->taps, memory_order_acquire);
    for (; tap; tap = tap->next)
        drain(recorder, tap);
}

/* ---- limits ---- */

/* When it is time, or when there is too much. */
static void keep_limits(struct transcript_recorder *recorder)
{
    struct transcript_store_stats stats;
    struct percept_error error = {0};
    uint64_t erased = 0;
    if (!recorder->store)
        return;
    pthread_mutex_lock(&recorder->mutex);
    struct transcript_limits limits = recorder->limits;
    pthread_mutex_unlock(&recorder->mutex);
    transcript_store_stats(recorder->store, &stats);
    bool due = base_clock_ns() >= recorder->keep_at_ns ||
               (limits.lines && stats.lines > limits.lines) ||
               (limits.bytes && stats.bytes > limits.bytes && stats.lines > 0);
    /* One that could not be written to is tried again with the next caption, or in an hour. */
    if (!due)
        return;
    recorder->keep_at_ns = base_clock_ns() + KEEP_NS;
    enum percept_status status =
        transcript_store_keep(recorder->store, &limits, clock_ns(CLOCK_REALTIME), &erased, &error);
    count(recorder, &recorder->stats.erased, erased);
    judge(recorder, status, &error);
}

/* ---- the thread ---- */

static void run_job(struct transcript_recorder *recorder, struct transcript_job *job, bool on)
{
    struct percept_error error = recorder->why;
    struct transcript_store *store = recorder->store, *old = NULL;
    if (!store && !on) {
        percept_fail(&error, PERCEPT_NOT_FOUND,
                     "no transcript is kept ('transcript' in the "
                     "configuration)");
        if (job->even_off && access(recorder->path, F_OK) == 0 &&
            transcript_store_open(recorder->path, recorder->boot, &old, &error) == PERCEPT_OK)
            store = old;
    }
    job->run(job, store, &error);
    transcript_store_close(old);
    if (!recorder->store)
        return;
    struct transcript_store_stats stats;
    transcript_store_stats(recorder->store, &stats);
    if (stats.damaged) {
        percept_fail(&error, PERCEPT_MALFORMED, "%s: damaged", recorder->path);
        judge(recorder, PERCEPT_MALFORMED, &error);
    }
    show(recorder);
}

static void wait_for_work(const struct transcript_recorder *recorder)
{
    int64_t left = recorder->store ? recorder->keep_at_ns - base_clock_ns() : KEEP_NS;
    struct pollfd wait = {.fd = recorder->wake_fd, .events = POLLIN};
    uint64_t times;
    if (left > 0)
        poll(&wait, 1, (int)(left / BASE_NS_PER_MS) + 1);
    if (read(recorder->wake_fd, &times, sizeof times) < 0)
        return; /* it was time */
}

static void *work(void *context)
{
    struct transcript_recorder *recorder = context;
    for (;;) {
        pthread_mutex_lock(&recorder->mutex);
        struct transcript_job *jobs = recorder->jobs, *next;
        recorder->jobs = NULL;
        recorder->jobs_end = &recorder->jobs;
        bool on = recorder->on, changed = recorder->changed, stop = recorder->stop;
        recorder->changed = false;
        pthread_mutex_unlock(&recorder->mutex);
        if (changed && on && !recorder->store)
            open_store(recorder);
        /* What a job is about includes all that was queued before. */
        drain_all(recorder);
        if (changed && !on) {
            close_store(recorder);
            recorder->failing = false;
            show(recorder);
        }
        for (struct transcript_job *job = jobs; job; job = next) {
            next = job->next;
            run_job(recorder, job, on);
        }
        if (changed)
            recorder->keep_at_ns = 0; /* by other limits, perhaps */
        keep_limits(recorder);
        if (stop)
            return NULL;
        wait_for_work(recorder);
    }
}

static void wake(const struct transcript_recorder *recorder)
{
    const uint64_t one = 1;
    while (write(recorder->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static enum percept_status start(struct transcript_recorder *recorder, struct percept_error *error)
{
    if (recorder->threaded)
        return PERCEPT_OK;
    int failed = pthread_create(&recorder->thread, NULL, work, recorder);
    if (failed)
        return percept_fail_errno(error, failed, "a thread for the transcript");
    recorder->threaded = true;
    return PERCEPT_OK;
}

/* ---- what the loop calls ---- */

/* A boot has a name of its own; where it can't be read, each daemon is one. */
static bool name_boot(char boot[BOOT_BYTES])
{
    unsigned char random[16];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, boot, BOOT_BYTES - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (got > 0) {
        boot[got] = '\0';
        boot[strcspn(boot, "\n")] = '\0';
        return true;
    }
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(boot + 2 * i, 3, "%02x", random[i]);
    return true;
}

enum percept_status transcript_recorder_create(const struct transcript_recorder_options *options,
                                               struct transcript_recorder **result,
                                               struct percept_error *error)
{
    struct transcript_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    recorder->options = *options;
    recorder->jobs_end = &recorder->jobs;
    recorder->stats.state = "off";
    atomic_init(&recorder->hidden.from_ns, INT64_MAX);
    atomic_init(&recorder->hidden.to_ns, INT64_MIN);
    pthread_mutex_init(&recorder->mutex, NULL);
    recorder->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    recorder->path = strdup(options->path);
    if (recorder->wake_fd < 0 || !recorder->path || !name_boot(recorder->boot)) {
        int cause = errno;
        transcript_recorder_destroy(recorder);
        return percept_fail_errno(error, cause, "the transcript");
    }
    *result = recorder;
    return PERCEPT_OK;
}

void transcript_recorder_destroy(struct transcript_recorder *recorder)
{
    if (!recorder)
        return;
    if (recorder->threaded) {
        pthread_mutex_lock(&recorder->mutex);
        recorder->stop = true;
        pthread_mutex_unlock(&recorder->mutex);
        wake(recorder);
        pthread_join(recorder->thread, NULL);
    }
    transcript_store_close(recorder->store);
    struct transcript_tap *tap = atomic_load_explicit(&recorder->taps, memory_order_relaxed), *next;
    for (; tap; tap = next) {
        next = tap->next;
        explicit_bzero(tap->queue, sizeof tap->queue);
        free(tap);
    }
    if (recorder->wake_fd >= 0)
        close(recorder->wake_fd);
    pthread_mutex_destroy(&recorder->mutex);
    free(recorder->path);
    free(recorder);
}

static bool is_wanted(const struct transcript_recorder *recorder, const char *topic)
{
    for (size_t i = 0; i < recorder->wanted_count; i++)
        if (strcmp(recorder->wanted[i], topic) == 0)
            return true;
    return false;
}

/* What was said before somebody decided to keep it is not kept. */
static void set_tap(const struct transcript_recorder *recorder, struct transcript_tap *tap,
                    int64_t since_ns)
{
    bool is = atomic_load_explicit(&tap->kept_since_ns, memory_order_relaxed) != INT64_MAX;
    bool shall = is_wanted(recorder, tap->topic);
    if (is != shall)
        atomic_store_explicit(&tap->kept_since_ns, shall ? since_ns : INT64_MAX,
                              memory_order_relaxed);
}

enum percept_status transcript_recorder_keep(struct transcript_recorder *recorder,
                                             const char *const *topics, size_t topic_count,
                                             const struct transcript_limits *limits,
                                             struct percept_error *error)
{
    int64_t since = recorder->began ? base_clock_ns() : INT64_MIN;
    recorder->began = true;
    recorder->wanted_count = 0;
    for (size_t i = 0; i < topic_count && i < TRANSCRIPT_TOPICS_MAX; i++)
        snprintf(recorder->wanted[recorder->wanted_count++], TRANSCRIPT_NAME_BYTES, "%s",
                 topics[i]);
    struct transcript_tap *tap = atomic_load_explicit(&recorder->taps, memory_order_relaxed);
    for (; tap; tap = tap->next)
        set_tap(recorder, tap, since);
    /* Without a thread the store is nobody's yet: what it is can be known at once. */
    if (topic_count && !recorder->threaded && !recorder->store)
        open_store(recorder);
    pthread_mutex_lock(&recorder->mutex);
    recorder->on = topic_count > 0;
    recorder->changed = recorder->threaded;
    if (limits)
        recorder->limits = *limits;
    pthread_mutex_unlock(&recorder->mutex);
    if (topic_count == 0 && !recorder->threaded)
        return PERCEPT_OK;
    wake(recorder);
    return start(recorder, error);
}

enum percept_status transcript_recorder_tap(struct transcript_recorder *recorder, const char *topic,
                                            struct transcript_tap **result,
                                            struct percept_error *error)
{
    struct transcript_tap *first = atomic_load_explicit(&recorder->taps, memory_order_relaxed);
    for (struct transcript_tap *tap = first; tap; tap = tap->next)
        if (strcmp(tap->topic, topic) == 0) {
            *result = tap;
            return PERCEPT_OK;
        }
    struct transcript_tap *tap = calloc(1, sizeof *tap);
    if (!tap)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for topic '%s'", topic);
    snprintf(tap->topic, sizeof tap->topic, "%s", topic);
    tap->hidden = &recorder->hidden;
    tap->wake_fd = recorder->wake_fd;
    tap->next = first;
    atomic_init(&tap->kept_since_ns, INT64_MAX);
    set_tap(recorder, tap, INT64_MIN); /* what nobody has published yet was not said before */
    /* release: the tap is whole before the thread finds it. */
    atomic_store_explicit(&recorder->taps, tap, memory_order_release);
    *result = tap;
    return PERCEPT_OK;
}

void transcript_recorder_hide(struct transcript_recorder *recorder, int64_t from_ns, int64_t to_ns)
{
    struct tap_hidden *hidden = &recorder->hidden;
    /* One range: what lies between two that were wanted is older than the second, and was seen. */
    if (from_ns < atomic_load_explicit(&hidden->from_ns, memory_order_relaxed))
        atomic_store_explicit(&hidden->from_ns, from_ns, memory_order_relaxed);
    if (to_ns > atomic_load_explicit(&hidden->to_ns, memory_order_relaxed))
        atomic_store_explicit(&hidden->to_ns, to_ns, memory_order_release);
}

enum percept_status transcript_recorder_submit(struct transcript_recorder *recorder,
                                               struct transcript_job *job,
                                               struct percept_error *error)
{
    enum percept_status status = start(recorder, error);
    if (status != PERCEPT_OK)
        return status;
    job->next = NULL;
    pthread_mutex_lock(&recorder->mutex);
    *recorder->jobs_end = job;
    recorder->jobs_end = &job->next;
    pthread_mutex_unlock(&recorder->mutex);
    wake(recorder);
    return PERCEPT_OK;
}

static void add_name(char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES], size_t *used,
                     const char *name)
{
    for (size_t i = 0; i < *used; i++)
        if (strcmp(names[i], name) == 0)
            return;
    if (*used < TRANSCRIPT_TOPICS_MAX)
        strcpy(names[(*used)++], name);
}

size_t transcript_recorder_topics(struct transcript_recorder *recorder,
                                  char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < recorder->wanted_count; i++)
        add_name(names, &used, recorder->wanted[i]);
    pthread_mutex_lock(&recorder->mutex);
    for (size_t i = 0; i < recorder->name_count; i++)
        add_name(names, &used, recorder->names[i]);
    pthread_mutex_unlock(&recorder->mutex);
    return used;
}

void transcript_recorder_stats(struct transcript_recorder *recorder,
                               struct transcript_recorder_stats *stats)
{
    struct transcript_tap *tap = atomic_load_explicit(&recorder->taps, memory_order_relaxed);
    pthread_mutex_lock(&recorder->mutex);
    *stats = recorder->stats;
    stats->state = !recorder->on ? "off" : recorder->stats.message[0] ? "failing" : "keeping";
    pthread_mutex_unlock(&recorder->mutex);
    for (; tap; tap = tap->next)
        stats->lost += atomic_load_explicit(&tap->lost, memory_order_relaxed);
}
