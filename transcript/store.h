/*
 * The transcript on disk: what was said, one row a caption that is final, in a SQLite file of the
 * daemon's alone. What is erased is erased from the file, its index for searching and its log.
 *
 * A store belongs to one thread at a time, and to one process: nobody else can open the file
 * meanwhile. No function keeps what it is given.
 */
#ifndef TRANSCRIPT_STORE_H
#define TRANSCRIPT_STORE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSCRIPT_TOPICS_MAX 64  /* of a store, in all its life */
#define TRANSCRIPT_PAGE_MAX   500 /* lines */
#define TRANSCRIPT_NAME_BYTES 64  /* of a topic's name, with its NUL */

struct transcript_store;

/* Texts are valid UTF-8 (transcript/text.h makes them so). Times are nanoseconds. */
struct transcript_line {
    uint64_t id; /* of the store: counts up, and is never used again */
    const char *topic;
    uint64_t utterance;       /* as the topic's caption has it */
    int64_t monotonic_ns;     /* its beginning, CLOCK_MONOTONIC: with topic and utterance what tells
                                 it from all others */
    int64_t boot_ns;          /* its end, CLOCK_BOOTTIME of the boot that the store is open in */
    int64_t begin_ns, end_ns; /* CLOCK_REALTIME */
    uint32_t version, side;   /* as in struct percept_caption */
    double score;
    const char *language, *text;
    const char *translation_language, *translation; /* "": there is none */
};

/* How much is kept; 0: without a limit. */
struct transcript_limits {
    int64_t age_ns; /* of a line since its end */
    uint64_t lines, bytes;
};

/*
 * Open the file, or make one, mode 0600. boot names the boot of the machine: times of
 * CLOCK_BOOTTIME mean something in the same one alone. MALFORMED: damaged, or not a transcript;
 * VERSION: of a newer Percept; PERMISSION: not ours alone, or not to be written; BUSY: another
 * process has it; IO. The error names the file.
 */
enum percept_status transcript_store_open(const char *path, const char *boot,
                                          struct transcript_store **store,
                                          struct percept_error *error);
void transcript_store_close(struct transcript_store *store); /* NULL is fine */

/* Keep the lines, all or none. One that is there (topic, utterance, monotonic_ns) is replaced by a
 * later version of it, or by the same with a translation. LIMIT: too many topics. */
enum percept_status transcript_store_add(struct transcript_store *store,
                                         const struct transcript_line *lines, size_t count,
                                         struct percept_error *error);

/* Erase what is beyond the limits, the oldest first; of what is too much a sixteenth more, so that
 * this is seldom. *erased is how many lines. */
enum percept_status transcript_store_keep(struct transcript_store *store,
                                          const struct transcript_limits *limits, int64_t now_ns,
                                          uint64_t *erased, struct percept_error *error);

/* Erase lines that ended at or after a time: by the calendar's clock, which somebody may have set
 * since, or by CLOCK_BOOTTIME of this boot. real_ns INT64_MIN: all; that succeeds on a full disk as
 * well, but ids may begin again then. */
enum percept_status transcript_store_forget(struct transcript_store *store, int64_t real_ns,
                                            int64_t boot_ns, uint64_t *erased,
                                            struct percept_error *error);

/* Which lines; they must meet every condition that is given. */
struct transcript_wish {
    const char *const *topics; /* of one of these */
    size_t topic_count;        /* 0: of none */
    const char *search;        /* has all of these words; NULL: whatever. transcript/search.h */
    int64_t from_ns, to_ns;    /* ends after, begins before; CLOCK_REALTIME, 0: no bound */
    uint64_t after, before;    /* ids, both exclusive; 0: no bound */
    uint32_t limit;            /* 1..TRANSCRIPT_PAGE_MAX */
    bool newest;               /* the last ones, which come in reverse; else the first ones */
};
/* `each` is called for each line in order of ids; what it is given lives as long as the call.
 * *more: there are further ones. INVALID: a search that is none. */
enum percept_status
transcript_store_page(struct transcript_store *store, const struct transcript_wish *wish,
                      void (*each)(void *context, const struct transcript_line *line),
                      void *context, bool *more, struct percept_error *error);

/* Names of the topics that there are lines of, or were; returns how many, at most
 * TRANSCRIPT_TOPICS_MAX. */
size_t transcript_store_topics(const struct transcript_store *store,
                               char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES]);

struct transcript_store_stats {
    uint64_t lines, bytes; /* that are kept, and what they take of the file */
    uint64_t steps;        /* of SQLite's virtual machine, for all pages so far */
    bool damaged;          /* found to be: of no more use */
};
void transcript_store_stats(const struct transcript_store *store,
                            struct transcript_store_stats *stats);

#endif
