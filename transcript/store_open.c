/* Why: a file that decides what is remembered of people is looked at before it is believed. */
#include "transcript/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION 1346589778 /* "PCTR", in the file's header */
#define SCHEMA      1
#define TEXT(x)     TEXT_OF(x)
#define TEXT_OF(x)  #x

/* The index for searching has no texts of its own. Words are those of Unicode, without regard to
 * case and accents. */
static const char schema[] =
    "CREATE TABLE topic(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE boot(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE line("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " topic INTEGER NOT NULL REFERENCES topic(id),"
    " utterance INTEGER NOT NULL, monotonic_ns INTEGER NOT NULL,"
    " boot INTEGER NOT NULL REFERENCES boot(id), boot_ns INTEGER NOT NULL,"
    " begin_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " version INTEGER NOT NULL, side INTEGER NOT NULL, score REAL,"
    " language TEXT NOT NULL, text TEXT NOT NULL,"
    " translation_language TEXT NOT NULL, translation TEXT NOT NULL,"
    " UNIQUE(topic, utterance, monotonic_ns));"
    "CREATE VIRTUAL TABLE words USING fts5(text, translation, content='line', content_rowid='id',"
    " tokenize='unicode61 remove_diacritics 2');"
    "PRAGMA application_id = " TEXT(APPLICATION) ";"
                                                 "PRAGMA user_version = " TEXT(SCHEMA) ";";

/* By enum store_statement. Erasing rebuilds the index as a whole: it would keep words of rows that
 * are gone otherwise, until it happens to merge them away. */
static const char *const statements[STORE_STATEMENTS] = {
    [STORE_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_FIND] = "SELECT id, version, text, translation, translation_language FROM line"
                   " WHERE topic = ?1 AND utterance = ?2 AND monotonic_ns = ?3",
    [STORE_INSERT] = "INSERT INTO line(topic, utterance, monotonic_ns, boot, boot_ns, begin_ns,"
                     " end_ns, version, side, score, language, text, translation_language,"
                     " translation) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
                     " ?14)",
    [STORE_UPDATE] = "UPDATE line SET boot = ?4, boot_ns = ?5, begin_ns = ?6, end_ns = ?7,"
                     " version = ?8, side = ?9, score = ?10, language = ?11, text = ?12,"
                     " translation_language = ?13, translation = ?14"
                     " WHERE topic = ?1 AND utterance = ?2 AND monotonic_ns = ?3",
    [STORE_INDEX] = "INSERT INTO words(rowid, text, translation) VALUES(?1, ?2, ?3)",
    [STORE_UNINDEX] = "INSERT INTO words(words, rowid, text, translation)"
                      " VALUES('delete', ?1, ?2, ?3)",
    [STORE_TOPIC] = "INSERT INTO topic(name) VALUES(?1)",
    [STORE_ERASE_SINCE] = "DELETE FROM line WHERE end_ns >= ?1 OR (boot = ?2 AND boot_ns >= ?3)",
    [STORE_ERASE_OLD] = "DELETE FROM line WHERE end_ns < ?1",
    [STORE_ERASE_FIRST] = "DELETE FROM line WHERE id <= (SELECT id FROM line ORDER BY id LIMIT 1"
                          " OFFSET ?1)",
    [STORE_REINDEX] = "INSERT INTO words(words) VALUES('rebuild')",
    [STORE_SHRINK] = "PRAGMA incremental_vacuum",
    [STORE_CHECKPOINT] = "PRAGMA wal_checkpoint(TRUNCATE)",
};

/* Ours alone, and a file; made when it is not there. Its log gets the same mode. */
static enum percept_status check_file(const char *path, struct percept_error *error)
{
    struct stat s;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &s) != 0) {
        int cause = errno;
        if (fd >= 0)
            close(fd);
        return percept_fail_errno(error, cause, "%s", path);
    }
    enum percept_status status = PERCEPT_OK;
    if (!S_ISREG(s.st_mode) || s.st_uid != geteuid() || (s.st_mode & (S_IWGRP | S_IWOTH)))
        status = percept_fail(error, PERCEPT_PERMISSION, "%s: not a file of ours alone", path);
    else if (!(s.st_mode & S_IWUSR))
        status = percept_fail(error, PERCEPT_PERMISSION, "%s: read-only", path);
    else if (fchmod(fd, 0600) != 0)
        status = percept_fail_errno(error, errno, "%s", path);
    close(fd);
    return status;
}

/* What a file could bring along besides data is switched off. */
static int harden(sqlite3 *db)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    int result = SQLITE_OK;
    for (size_t i = 0; i < sizeof options / sizeof options[0] && result == SQLITE_OK; i++)
        result = sqlite3_db_config(db, options[i].option, options[i].value, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 4 << 20); /* of a row, and of a node of the index */
    return result;
}

/* Exclusive: the file is this process's, and there is no shared memory beside it. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA synchronous = NORMAL;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA cache_size = -2000;"
                               "PRAGMA journal_size_limit = 1048576;";

/* One that is there, or one that was just made, or only half made. */
static enum percept_status check_schema(struct transcript_store *store, struct percept_error *error)
{
    int64_t application, version, objects;
    int result = store_number(store, "PRAGMA application_id", &application);
    if (result == SQLITE_OK)
        result = store_number(store, "PRAGMA user_version", &version);
    if (result == SQLITE_OK)
        result = store_number(store, "SELECT count(*) FROM sqlite_schema", &objects);
    if (result != SQLITE_OK)
        return store_fail(store, result, error);
    bool fresh = application == 0 && version == 0 && objects == 0;
    if (!fresh && application != APPLICATION)
        return percept_fail(error, PERCEPT_MALFORMED, "%s: another program's database",
                            store->path);
    if (!fresh && version > SCHEMA)
        return percept_fail(error, PERCEPT_VERSION,
                            "%s: of a newer Percept (version %lld; this one knows %d)", store->path,
                            (long long)version, SCHEMA);
    if (!fresh && version < SCHEMA)
        return percept_fail(error, PERCEPT_MALFORMED, "%s: no version of a transcript: %lld",
                            store->path, (long long)version);
    if (fresh)
        result = sqlite3_exec(store->db, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(store->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
    if (result == SQLITE_OK && fresh)
        result = sqlite3_exec(store->db, schema, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    return result == SQLITE_OK ? PERCEPT_OK : store_fail(store, result, error);
}

static int prepare(struct transcript_store *store)
{
    int result = SQLITE_OK;
    for (size_t i = 0; i < STORE_STATEMENTS && result == SQLITE_OK; i++)
        result = sqlite3_prepare_v3(store->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &store->statements[i], NULL);
    return result;
}

static int read_topics(struct transcript_store *store)
{
    sqlite3_stmt *statement;
    int result = sqlite3_prepare_v2(store->db, "SELECT id, name FROM topic ORDER BY id", -1,
                                    &statement, NULL);
    while (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
           store->topic_count < TRANSCRIPT_TOPICS_MAX) {
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        if (!name || strlen(name) >= TRANSCRIPT_NAME_BYTES)
            continue; /* no topic of ours */
        store->topics[store->topic_count].id = sqlite3_column_int64(statement, 0);
        strcpy(store->topics[store->topic_count++].name, name);
    }
    return result == SQLITE_OK ? sqlite3_finalize(statement) : result;
}

/* The row of this boot. Others' are of use as long as there are lines of them. */
static int find_boot(struct transcript_store *store, const char *boot)
{
    static const char *const texts[] = {
        "DELETE FROM boot WHERE name <> ?1 AND id NOT IN (SELECT boot FROM line)",
        "INSERT OR IGNORE INTO boot(name) VALUES(?1)", "SELECT id FROM boot WHERE name = ?1"};
    int result = SQLITE_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && result == SQLITE_OK; i++) {
        sqlite3_stmt *statement;
        result = sqlite3_prepare_v2(store->db, texts[i], -1, &statement, NULL);
        if (result != SQLITE_OK)
            break;
        sqlite3_bind_text(statement, 1, boot, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW)
            store->boot = sqlite3_column_int64(statement, 0);
        result = sqlite3_finalize(statement);
    }
    return result;
}

static enum percept_status open_database(struct transcript_store *store,
                                         struct percept_error *error)
{
    int64_t lines = 0;
    int result = sqlite3_open_v2(
        store->path, &store->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (result == SQLITE_OK)
        result = harden(store->db);
    if (result == SQLITE_OK)
        result = sqlite3_exec(store->db, settings, NULL, NULL, NULL);
    if (result != SQLITE_OK)
        return store_fail(store, result, error);
    enum percept_status status = check_schema(store, error);
    if (status != PERCEPT_OK)
        return status;
    result = prepare(store);
    if (result == SQLITE_OK)
        result = read_topics(store);
    if (result == SQLITE_OK)
        result = find_boot(store, store->boot_name);
    if (result == SQLITE_OK)
        result = store_number(store, "SELECT count(*) FROM line", &lines);
    if (result == SQLITE_OK)
        result = store_measure(store);
    store->lines = (uint64_t)lines;
    return result == SQLITE_OK ? PERCEPT_OK : store_fail(store, result, error);
}

enum percept_status transcript_store_open(const char *path, const char *boot,
                                          struct transcript_store **result,
                                          struct percept_error *error)
{
    enum percept_status status = check_file(path, error);
    if (status != PERCEPT_OK)
        return status;
    struct transcript_store *store = calloc(1, sizeof *store);
    if (store) {
        store->path = strdup(path);
        store->boot_name = strdup(boot);
    }
    if (!store || !store->path || !store->boot_name) {
        transcript_store_close(store);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    status = open_database(store, error);
    if (status != PERCEPT_OK)
        transcript_store_close(store);
    else
        *result = store;
    return status;
}

static void close_database(struct transcript_store *store)
{
    for (size_t i = 0; i < STORE_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
}

enum percept_status store_start_anew(struct transcript_store *store, struct percept_error *error)
{
    char *log;
    if (asprintf(&log, "%s-wal", store->path) < 0)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    /* A log beside an empty file would be played into it: first the file, which ends its use. */
    close_database(store);
    int fd = open(store->path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    bool gone = fd >= 0 && (unlink(log) == 0 || errno == ENOENT);
    int cause = errno;
    if (fd >= 0)
        close(fd);
    free(log);
    store->topic_count = 0;
    enum percept_status status =
        gone ? open_database(store, error) : percept_fail_errno(error, cause, "%s", store->path);
    store->damaged |= status != PERCEPT_OK; /* there is nothing to go on with */
    return status;
}

void transcript_store_close(struct transcript_store *store)
{
    if (!store)
        return;
    close_database(store);
    free(store->path);
    free(store->boot_name);
    free(store);
}
