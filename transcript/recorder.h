/*
 * Between the threads that publish captions and the store: captions that are final go through a
 * bounded queue to one thread, which alone opens, writes and reads the file.
 *
 * Loop thread, but for transcript_tap_look. A store that fails costs captions that are not kept,
 * and are counted; it never holds up a pipeline or the loop.
 */
#ifndef TRANSCRIPT_RECORDER_H
#define TRANSCRIPT_RECORDER_H

#include "base/log.h"
#include "ipc/topics.h"
#include "transcript/store.h"

struct transcript_recorder;
struct transcript_tap; /* one a topic of captions */

struct transcript_recorder_options {
    const char *path;
    /* What people should know; on any thread of the recorder. */
    void (*event)(void *context, enum base_log_level level, const char *text);
    void *context;
};

enum percept_status transcript_recorder_create(const struct transcript_recorder_options *options,
                                               struct transcript_recorder **recorder,
                                               struct percept_error *error);
/* Once nobody looks any more. What is queued is written, what was submitted is run. NULL is fine.
 */
void transcript_recorder_destroy(struct transcript_recorder *recorder);

/* Keep captions of these topics from now on (the first time: all that come), and no others. The
 * file is opened when there are any; what is wrong with it is an event, and a later call tries
 * again. Without topics it is let go of, as it is. */
enum percept_status transcript_recorder_keep(struct transcript_recorder *recorder,
                                             const char *const *topics, size_t topic_count,
                                             const struct transcript_limits *limits,
                                             struct percept_error *error);

/* The tap of a topic, made when there is none. It lives as long as the recorder. */
enum percept_status transcript_recorder_tap(struct transcript_recorder *recorder, const char *topic,
                                            struct transcript_tap **tap,
                                            struct percept_error *error);

/*
 * Look at captions that are about to be published, on the thread that publishes them (one a tap at
 * a time): those that are to be forgotten are taken out, those that are final and new are queued.
 * Never blocks or allocates.
 */
void transcript_tap_look(struct transcript_tap *tap, struct percept_captions *captions);

/* From now on nobody gets to see or keeps captions of speech between these times, CLOCK_MONOTONIC.
 * INT64_MIN: from the beginning. What is in the file is the business of a job. */
void transcript_recorder_hide(struct transcript_recorder *recorder, int64_t from_ns, int64_t to_ns);

/* Something to do with the store, embedded in what it takes. */
struct transcript_job {
    struct transcript_job *next;
    bool even_off; /* when nothing is kept, too, with what was kept before */
    /* On the recorder's thread, after all that was queued before. store NULL: there is none, *why
     * says why. The job is its own to free. */
    void (*run)(struct transcript_job *job, struct transcript_store *store,
                const struct percept_error *why);
};
/* Jobs are done in order. On failure the job is still the caller's. */
enum percept_status transcript_recorder_submit(struct transcript_recorder *recorder,
                                               struct transcript_job *job,
                                               struct percept_error *error);

/* Names of topics that there may be lines of; returns how many. */
size_t transcript_recorder_topics(struct transcript_recorder *recorder,
                                  char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES]);

struct transcript_recorder_stats {
    const char *state;     /* "off", "keeping", "failing": the last write did not succeed */
    uint64_t lines, bytes; /* of the file, as it is now */
    uint64_t written;      /* since the daemon began; a later version of a line counts as well */
    uint64_t lost;         /* captions that were to be kept and are not */
    uint64_t erased;       /* lines, by the limits and by who wanted it */
    char message[256];     /* what is wrong; "" */
};
void transcript_recorder_stats(struct transcript_recorder *recorder,
                               struct transcript_recorder_stats *stats);

#endif
