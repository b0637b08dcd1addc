/* Why: questions come from clients; whatever they ask is a bound parameter, never a part of SQL. */
#include "transcript/search.h"
#include "transcript/store_private.h"

#include <stdio.h>
#include <string.h>

/* "?" for each topic; a condition that was not asked for holds for its NULL. Rows are visited in
 * the order of their ids, from where the wish begins, so a page costs no more than what lies
 * between. */
#define COLUMNS                                                                       \
    "SELECT line.id, topic.name, utterance, monotonic_ns, begin_ns, end_ns, version," \
    " side, score, language, line.text, translation_language, line.translation"
#define CONDITIONS                                                                       \
    " AND (?3 = 0 OR end_ns > ?3) AND (?4 = 0 OR begin_ns < ?4) AND +line.topic IN (%s)" \
    " ORDER BY %s %s LIMIT ?5"

static const char all_lines[] = COLUMNS " FROM line CROSS JOIN topic ON topic.id = line.topic"
                                        " WHERE line.id > ?1 AND line.id < ?2" CONDITIONS;
static const char found_lines[] =
    COLUMNS " FROM words CROSS JOIN line ON line.id = words.rowid"
            " CROSS JOIN topic ON topic.id = line.topic"
            " WHERE words MATCH ?6 AND words.rowid > ?1 AND words.rowid < ?2" CONDITIONS;

/* The rows of the topics that are wanted, as a list. */
static void list_topics(const struct transcript_store *store, const struct transcript_wish *wish,
                        char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < store->topic_count; i++)
        for (size_t j = 0; j < wish->topic_count; j++)
            if (strcmp(store->topics[i].name, wish->topics[j]) == 0 && used + 24 < size) {
                used += (size_t)snprintf(list + used, size - used, "%s%lld", used ? "," : "",
                                         (long long)store->topics[i].id);
                break;
            }
}

static const char *text_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

static struct transcript_line row_of(sqlite3_stmt *statement)
{
    return (struct transcript_line){
        .id = (uint64_t)sqlite3_column_int64(statement, 0),
        .topic = text_at(statement, 1),
        .utterance = (uint64_t)sqlite3_column_int64(statement, 2),
        .monotonic_ns = sqlite3_column_int64(statement, 3),
        .begin_ns = sqlite3_column_int64(statement, 4),
        .end_ns = sqlite3_column_int64(statement, 5),
        .version = (uint32_t)sqlite3_column_int64(statement, 6),
        .side = (uint32_t)sqlite3_column_int64(statement, 7),
        .score = sqlite3_column_double(statement, 8),
        .language = text_at(statement, 9),
        .text = text_at(statement, 10),
        .translation_language = text_at(statement, 11),
        .translation = text_at(statement, 12),
    };
}

/* An id of the protocol that no row can have is a bound that no row passes. */
static int64_t bound(uint64_t id)
{
    return id < INT64_MAX ? (int64_t)id : INT64_MAX;
}

enum percept_status
transcript_store_page(struct transcript_store *store, const struct transcript_wish *wish,
                      void (*each)(void *context, const struct transcript_line *line),
                      void *context, bool *more, struct percept_error *error)
{
    char topics[TRANSCRIPT_TOPICS_MAX * 24], sql[sizeof topics + 1024];
    char expression[TRANSCRIPT_EXPRESSION_BYTES];
    sqlite3_stmt *statement;
    if (wish->limit == 0 || wish->limit > TRANSCRIPT_PAGE_MAX)
        return percept_fail(error, PERCEPT_INVALID, "a page has 1 to %d lines",
                            TRANSCRIPT_PAGE_MAX);
    if (wish->search && transcript_search_expression(wish->search, expression, error))
        return PERCEPT_INVALID;
    list_topics(store, wish, topics, sizeof topics);
    snprintf(sql, sizeof sql, wish->search ? found_lines : all_lines, topics,
             wish->search ? "words.rowid" : "line.id", wish->newest ? "DESC" : "ASC");
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result != SQLITE_OK)
        return store_fail(store, result, error);
    sqlite3_bind_int64(statement, 1, bound(wish->after));
    sqlite3_bind_int64(statement, 2, wish->before ? bound(wish->before) : INT64_MAX);
    sqlite3_bind_int64(statement, 3, wish->from_ns);
    sqlite3_bind_int64(statement, 4, wish->to_ns);
    sqlite3_bind_int64(statement, 5, (int64_t)wish->limit + 1);
    if (wish->search)
        sqlite3_bind_text(statement, 6, expression, -1, SQLITE_STATIC);
    uint32_t count = 0;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && count++ < wish->limit) {
        struct transcript_line line = row_of(statement);
        each(context, &line);
    }
    store->steps += (uint64_t)sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    enum percept_status status = result == SQLITE_ROW || result == SQLITE_DONE
                                     ? PERCEPT_OK
                                     : store_fail(store, result, error);
    sqlite3_finalize(statement);
    if (status == PERCEPT_OK)
        *more = result == SQLITE_ROW;
    return status;
}
