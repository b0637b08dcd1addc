/* What a store consists of; its statements are prepared once. */
#ifndef TRANSCRIPT_STORE_PRIVATE_H
#define TRANSCRIPT_STORE_PRIVATE_H

#include "transcript/store.h"

#include <sqlite3.h>

enum store_statement {
    STORE_BEGIN,
    STORE_COMMIT,
    STORE_ROLLBACK,
    STORE_FIND,
    STORE_INSERT,
    STORE_UPDATE,
    STORE_INDEX,
    STORE_UNINDEX,
    STORE_TOPIC,
    STORE_ERASE_SINCE,
    STORE_ERASE_OLD,
    STORE_ERASE_FIRST,
    STORE_REINDEX,
    STORE_SHRINK,
    STORE_CHECKPOINT,
    STORE_STATEMENTS
};

struct transcript_store {
    sqlite3 *db;
    char *path, *boot_name;
    sqlite3_stmt *statements[STORE_STATEMENTS];
    uint64_t lines, steps;
    uint64_t bytes; /* when it was last looked at */
    int64_t boot;   /* row of the table of boots */
    bool damaged;
    size_t topic_count;
    struct {
        int64_t id;
        char name[TRANSCRIPT_NAME_BYTES];
    } topics[TRANSCRIPT_TOPICS_MAX];
};

/* What SQLite says has gone wrong, with the file's name. */
enum percept_status store_fail(struct transcript_store *store, int result,
                               struct percept_error *error);
/* The file as one that is new, for when there is not even room to erase what is in it. */
enum percept_status store_start_anew(struct transcript_store *store, struct percept_error *error);
/* Run a statement whose parameters are bound to its end, and take it back; a result of SQLite. */
int store_run(struct transcript_store *store, enum store_statement which);
/* The number that a statement gives first. */
int store_number(struct transcript_store *store, const char *sql, int64_t *number);
/* Bytes that are in use, of the file. */
int store_measure(struct transcript_store *store);

#endif
