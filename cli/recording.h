/*
 * Recordings: the samples of topics in a file, with descriptions of what is in them, so that they
 * can be read without a daemon and without ipc/topics.h. The format is MCAP (docs/recording.md).
 */
#ifndef CLI_RECORDING_H
#define CLI_RECORDING_H

#include "cli/layout.h"
#include "ipc/percept.h"

#include <stdint.h>
#include <stdio.h>

#define RECORDING_TOPICS 32 /* that are written into one */

/* ---- writing ---- */

struct recording_writer;

/* Of a topic, what is in the file; for people. */
struct recording_topic {
    char name[64];
    uint64_t samples, bytes;
};

/* EXISTS: a recording is not written over anything. */
enum percept_status recording_create(const char *path, struct recording_writer **writer,
                                     struct percept_error *error);
/* description: what the daemon gave as JSON; NULL when it has none. *index names the topic from
 * then on. */
enum percept_status recording_add_topic(struct recording_writer *writer, const char *topic,
                                        const char *schema, const json_t *description,
                                        unsigned *index, struct percept_error *error);
/* The sample is copied. A chunk of samples goes to the file when it is large enough, by a thread of
 * the writer's; this waits for the disk only while 64 MiB do. An error may be of an earlier chunk.
 */
enum percept_status recording_add(struct recording_writer *writer, unsigned index,
                                  const struct percept_sample *sample, struct percept_error *error);
/* What has been added is on its way to the file. */
enum percept_status recording_flush(struct recording_writer *writer, struct percept_error *error);
/* What has been added is in the file when this returns, as long as the system does not fail. */
enum percept_status recording_settle(struct recording_writer *writer, struct percept_error *error);
/*
 * End the file in good order and see it to the disk, after a failure of the above, too. On a full
 * disk the newest chunks make room for the end. topics: RECORDING_TOPICS rows, filled with what is
 * in the file; returned are how many.
 */
enum percept_status recording_finish(struct recording_writer *writer,
                                     struct recording_topic *topics, unsigned *count,
                                     struct percept_error *error);
void recording_writer_free(struct recording_writer *writer); /* NULL is fine */

/* ---- reading ---- */

struct recording_reader;

struct recording_sample {
    const char *topic, *schema;      /* may have any characters */
    const struct cli_layout *layout; /* NULL: not described */
    json_t *description;             /* the same as the file has it */
    struct percept_sample sample;    /* as percept_next gave it, 64-byte aligned; valid until the
                                        next one */
};

/* MALFORMED, VERSION, UNSUPPORTED. The file stays the caller's; path is for messages. */
enum percept_status recording_open(FILE *file, const char *path, struct recording_reader **reader,
                                   struct percept_error *error);
/* END after the last one; MALFORMED, UNSUPPORTED, IO. */
enum percept_status recording_next(struct recording_reader *reader, struct recording_sample *sample,
                                   struct percept_error *error);
/* After END: the file stops in the middle, as when its writer was killed. */
bool recording_cut_off(const struct recording_reader *reader);
void recording_close(struct recording_reader *reader); /* NULL is fine */

#endif
