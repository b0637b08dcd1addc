/*
 * The topics of a recording and its samples in their time, for percept replay: replay.c serves
 * them, replay_samples.c reads them.
 */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include "cli/recording.h"
#include "ipc/server.h"

struct replay_topic {
    char name[64], schema[64];
    json_t *description; /* of payloads, as the recording has it; NULL: it has none */
    size_t most_bytes;   /* of a payload */
    uint64_t samples;
    struct ipc_topic *topic; /* replay.c's */
};

struct replay_samples {
    const char *path;
    FILE *file;
    struct recording_reader *reader;
    struct replay_topic topics[RECORDING_TOPICS];
    unsigned topic_count;
    bool cut_off;                   /* the file stops in the middle */
    struct recording_sample sample; /* the next one, of `of`; valid after replay_next */
    struct replay_topic *of;
};

/*
 * Open a recording and read all of it once: what topics it has, and that it is whole. wanted_count
 * 0: all topics; else those and no others. NOT_FOUND: a topic of which there is no sample.
 */
enum percept_status replay_open(struct replay_samples *samples, const char *path, char **wanted,
                                int wanted_count, struct percept_error *error);
/* From the first sample on. */
enum percept_status replay_rewind(struct replay_samples *samples, struct percept_error *error);
/* The next sample of those topics; END after the last. */
enum percept_status replay_next(struct replay_samples *samples, struct percept_error *error);
void replay_close(struct replay_samples *samples); /* a zeroed one is fine */

#endif
