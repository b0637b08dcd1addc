/* Why: one place knows how a line gets in and, above all, how it gets out again for good. */
#include "transcript/store_private.h"

#include <errno.h>
#include <string.h>

#define SLACK 16 /* of what is too much, one in so many more */

/* ---- SQLite's ways ---- */

static enum percept_status status_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return PERCEPT_MALFORMED;
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return PERCEPT_PERMISSION;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return PERCEPT_BUSY;
    case SQLITE_NOMEM:
        return PERCEPT_NO_MEMORY;
    default:
        return PERCEPT_IO;
    }
}

enum percept_status store_fail(struct transcript_store *store, int result,
                               struct percept_error *error)
{
    enum percept_status status = status_of(result);
    int cause = store->db ? sqlite3_system_errno(store->db) : 0;
    /* A statement for a table that is not there, or is another, is an error of the file. */
    if ((result & 0xff) == SQLITE_ERROR)
        status = PERCEPT_MALFORMED;
    store->damaged |= status == PERCEPT_MALFORMED;
    if (status == PERCEPT_MALFORMED)
        return percept_fail(error, status, "%s: damaged: %s", store->path,
                            store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(result));
    if (status == PERCEPT_BUSY)
        return percept_fail(error, status, "%s: another process has it open", store->path);
    if ((result & 0xff) == SQLITE_FULL)
        return percept_fail(error, status, "%s: the disk is full", store->path);
    return percept_fail(error, status, "%s: %s%s%s", store->path, sqlite3_errstr(result),
                        cause ? ": " : "", cause ? strerror(cause) : "");
}

int store_run(struct transcript_store *store, enum store_statement which)
{
    sqlite3_stmt *statement = store->statements[which];
    int result;
    do
        result = sqlite3_step(statement);
    while (result == SQLITE_ROW);
    /* Bound texts are the caller's: nothing may refer to them any longer. */
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

int store_number(struct transcript_store *store, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result != SQLITE_OK)
        return result;
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    int end = sqlite3_finalize(statement);
    return result == SQLITE_ROW ? end : result == SQLITE_DONE ? SQLITE_ERROR : result;
}

int store_measure(struct transcript_store *store)
{
    int64_t pages, unused, page;
    int result = store_number(store, "PRAGMA page_count", &pages);
    if (result == SQLITE_OK)
        result = store_number(store, "PRAGMA freelist_count", &unused);
    if (result == SQLITE_OK)
        result = store_number(store, "PRAGMA page_size", &page);
    if (result == SQLITE_OK)
        store->bytes = (uint64_t)((pages - unused) * page);
    return result;
}

/* After a failure some errors have ended the transaction already. */
static enum percept_status give_up(struct transcript_store *store, int result,
                                   struct percept_error *error)
{
    enum percept_status status = store_fail(store, result, error);
    if (!sqlite3_get_autocommit(store->db))
        (void)store_run(store, STORE_ROLLBACK);
    return status;
}

/* ---- adding ---- */

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static int index_words(struct transcript_store *store, enum store_statement which, int64_t id,
                       const char *text, const char *translation)
{
    sqlite3_stmt *statement = store->statements[which];
    sqlite3_bind_int64(statement, 1, id);
    bind_text(statement, 2, text);
    bind_text(statement, 3, translation);
    return store_run(store, which);
}

/* 0: there is no room for another. */
static int find_topic(struct transcript_store *store, const char *name, int64_t *id)
{
    for (size_t i = 0; i < store->topic_count; i++)
        if (strcmp(store->topics[i].name, name) == 0) {
            *id = store->topics[i].id;
            return SQLITE_OK;
        }
    *id = 0;
    if (store->topic_count == TRANSCRIPT_TOPICS_MAX || strlen(name) >= TRANSCRIPT_NAME_BYTES)
        return SQLITE_OK;
    bind_text(store->statements[STORE_TOPIC], 1, name);
    int result = store_run(store, STORE_TOPIC);
    if (result != SQLITE_OK)
        return result;
    *id = sqlite3_last_insert_rowid(store->db);
    store->topics[store->topic_count].id = *id;
    strcpy(store->topics[store->topic_count++].name, name);
    return SQLITE_OK;
}

static int put(struct transcript_store *store, enum store_statement which, int64_t topic,
               const struct transcript_line *line)
{
    sqlite3_stmt *statement = store->statements[which];
    const int64_t numbers[] = {
        topic,         (int64_t)line->utterance, line->monotonic_ns, store->boot,
        line->boot_ns, line->begin_ns,           line->end_ns,       line->version,
        line->side};
    const char *const texts[] = {line->language, line->text, line->translation_language,
                                 line->translation};
    for (int i = 0; i < 9; i++)
        sqlite3_bind_int64(statement, i + 1, numbers[i]);
    sqlite3_bind_double(statement, 10, line->score); /* NULL when it is no number */
    for (int i = 0; i < 4; i++)
        bind_text(statement, 11 + i, texts[i]);
    return store_run(store, which);
}

/* Does the row have all that the line has? The same version may come again with a translation. */
static bool is_stale(sqlite3_stmt *row, const struct transcript_line *line)
{
    int64_t version = sqlite3_column_int64(row, 1);
    bool translated = sqlite3_column_bytes(row, 4) > 0;
    return version > line->version ||
           (version == line->version && (translated || !line->translation_language[0]));
}

/* What the index has of a row goes before the row changes. Sets *id to 0 when the row is new; when
 * it has all of the line, *stale. */
static int unindex(struct transcript_store *store, int64_t topic,
                   const struct transcript_line *line, int64_t *id, bool *stale)
{
    sqlite3_stmt *find = store->statements[STORE_FIND];
    sqlite3_bind_int64(find, 1, topic);
    sqlite3_bind_int64(find, 2, (int64_t)line->utterance);
    sqlite3_bind_int64(find, 3, line->monotonic_ns);
    int result = sqlite3_step(find);
    *id = 0;
    if (result == SQLITE_ROW) {
        *id = sqlite3_column_int64(find, 0);
        *stale = is_stale(find, line);
        if (!*stale)
            result =
                index_words(store, STORE_UNINDEX, *id, (const char *)sqlite3_column_text(find, 2),
                            (const char *)sqlite3_column_text(find, 3));
        else
            result = SQLITE_OK;
    } else if (result == SQLITE_DONE) {
        result = SQLITE_OK;
    }
    sqlite3_reset(find);
    return result;
}

static int add(struct transcript_store *store, const struct transcript_line *line, uint64_t *fresh)
{
    int64_t topic, id;
    bool stale = false;
    int result = find_topic(store, line->topic, &topic);
    if (result == SQLITE_OK && topic == 0)
        return SQLITE_TOOBIG;
    if (result == SQLITE_OK)
        result = unindex(store, topic, line, &id, &stale);
    if (result != SQLITE_OK || stale)
        return result;
    result = put(store, id ? STORE_UPDATE : STORE_INSERT, topic, line);
    if (result != SQLITE_OK)
        return result;
    *fresh += id == 0;
    if (id == 0)
        id = sqlite3_last_insert_rowid(store->db);
    return index_words(store, STORE_INDEX, id, line->text, line->translation);
}

enum percept_status transcript_store_add(struct transcript_store *store,
                                         const struct transcript_line *lines, size_t count,
                                         struct percept_error *error)
{
    size_t topics = store->topic_count;
    uint64_t fresh = 0;
    int result = store_run(store, STORE_BEGIN);
    for (size_t i = 0; i < count && result == SQLITE_OK; i++)
        result = add(store, &lines[i], &fresh);
    if (result == SQLITE_OK)
        result = store_run(store, STORE_COMMIT);
    if (result != SQLITE_OK) {
        store->topic_count = topics; /* new ones are not there after all */
        enum percept_status status = give_up(store, result, error);
        return result == SQLITE_TOOBIG
                   ? percept_fail(error, PERCEPT_LIMIT, "%s: lines of more than %d topics",
                                  store->path, TRANSCRIPT_TOPICS_MAX)
                   : status;
    }
    store->lines += fresh;
    result = store_measure(store);
    return result == SQLITE_OK ? PERCEPT_OK : store_fail(store, result, error);
}

/* ---- erasing ---- */

/* One of the statements that erase, whose parameters are bound, in the transaction. */
static int erase(struct transcript_store *store, enum store_statement which, uint64_t *erased)
{
    int result = store_run(store, which);
    if (result == SQLITE_OK)
        *erased += (uint64_t)sqlite3_changes64(store->db);
    return result;
}

/* Pages that are free hold zeros; now they leave the file, and what the log still has of what was
 * in them goes, too. */
static int settle(struct transcript_store *store)
{
    int result = store_run(store, STORE_SHRINK);
    if (result == SQLITE_OK)
        result = store_run(store, STORE_CHECKPOINT);
    return result == SQLITE_OK ? store_measure(store) : result;
}

static enum percept_status finish(struct transcript_store *store, int result, uint64_t erased,
                                  struct percept_error *error)
{
    if (result == SQLITE_OK && erased)
        result = store_run(store, STORE_REINDEX);
    if (result == SQLITE_OK)
        result = store_run(store, STORE_COMMIT);
    if (result != SQLITE_OK)
        return give_up(store, result, error);
    store->lines -= erased < store->lines ? erased : store->lines;
    result = settle(store);
    return result == SQLITE_OK ? PERCEPT_OK : store_fail(store, result, error);
}

enum percept_status transcript_store_forget(struct transcript_store *store, int64_t real_ns,
                                            int64_t boot_ns, uint64_t *erased,
                                            struct percept_error *error)
{
    sqlite3_stmt *statement = store->statements[STORE_ERASE_SINCE];
    uint64_t gone = 0;
    /* What the log takes is room for what erasing takes. */
    (void)store_run(store, STORE_CHECKPOINT);
    int result = store_run(store, STORE_BEGIN);
    sqlite3_bind_int64(statement, 1, real_ns);
    sqlite3_bind_int64(statement, 2, store->boot);
    sqlite3_bind_int64(statement, 3, boot_ns);
    if (result == SQLITE_OK)
        result = erase(store, STORE_ERASE_SINCE, &gone);
    uint64_t all = store->lines;
    enum percept_status status = finish(store, result, gone, error);
    if (status == PERCEPT_IO && real_ns == INT64_MIN) {
        status = store_start_anew(store, error);
        gone = all;
    }
    if (status == PERCEPT_OK)
        *erased = gone;
    return status;
}

/* How many of the oldest lines are to go. Bytes are of all lines alike, as near as can be said
 * before. */
static uint64_t surplus(const struct transcript_store *store,
                        const struct transcript_limits *limits, uint64_t lines)
{
    uint64_t many = 0;
    if (limits->lines && lines > limits->lines)
        many = lines - limits->lines + limits->lines / SLACK;
    if (limits->bytes && store->bytes > limits->bytes) {
        double share = 1 - (double)limits->bytes / (double)store->bytes;
        uint64_t large = (uint64_t)((double)lines * share) + lines / SLACK + 1;
        many = large > many ? large : many;
    }
    return many < lines ? many : lines;
}

enum percept_status transcript_store_keep(struct transcript_store *store,
                                          const struct transcript_limits *limits, int64_t now_ns,
                                          uint64_t *erased, struct percept_error *error)
{
    *erased = 0;
    for (;;) {
        uint64_t gone = 0;
        int result = store_run(store, STORE_BEGIN);
        if (result == SQLITE_OK && limits->age_ns) {
            sqlite3_bind_int64(store->statements[STORE_ERASE_OLD], 1, now_ns - limits->age_ns);
            result = erase(store, STORE_ERASE_OLD, &gone);
        }
        uint64_t many = surplus(store, limits, store->lines - gone);
        if (result == SQLITE_OK && many) {
            sqlite3_bind_int64(store->statements[STORE_ERASE_FIRST], 1, (int64_t)many - 1);
            result = erase(store, STORE_ERASE_FIRST, &gone);
        }
        if (result == SQLITE_OK && gone == 0) {
            result = store_run(store, STORE_COMMIT);
            return result == SQLITE_OK ? PERCEPT_OK : give_up(store, result, error);
        }
        enum percept_status status = finish(store, result, gone, error);
        if (status != PERCEPT_OK)
            return status;
        *erased += gone;
    }
}

/* ---- looking ---- */

size_t transcript_store_topics(const struct transcript_store *store,
                               char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES])
{
    for (size_t i = 0; i < store->topic_count; i++)
        strcpy(names[i], store->topics[i].name);
    return store->topic_count;
}

void transcript_store_stats(const struct transcript_store *store,
                            struct transcript_store_stats *stats)
{
    *stats = (struct transcript_store_stats){.lines = store->lines,
                                             .bytes = store->bytes,
                                             .steps = store->steps,
                                             .damaged = store->damaged};
}
