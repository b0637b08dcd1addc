/* percept audit: who read what, and when. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/duration.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLLOW_NS (500 * BASE_NS_PER_MS) /* between two questions */

struct audit {
    const char *socket, *since, *topic, *user;
    bool follow, json;
    char since_time[32]; /* as records write it */
    int64_t uid;
};

/* Times of records sort as texts. */
static bool read_since(struct audit *audit)
{
    uint64_t seconds;
    struct tm t;
    time_t now = time(NULL);
    if (!cli_parse_duration(audit->since, &seconds)) {
        snprintf(audit->since_time, sizeof audit->since_time, "%.31s", audit->since);
        const char *s = audit->since;
        return strlen(s) >= 10 && strlen(s) < sizeof audit->since_time &&
               isdigit((unsigned char)s[0]) && s[4] == '-' && s[7] == '-';
    }
    time_t then = seconds < (uint64_t)now ? now - (time_t)seconds : 0;
    gmtime_r(&then, &t);
    strftime(audit->since_time, sizeof audit->since_time, "%Y-%m-%dT%H:%M:%S", &t);
    return true;
}

static const char *text_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

static bool wanted(const struct audit *audit, const json_t *record)
{
    if (audit->since && strcmp(text_of(record, "time"), audit->since_time) < 0)
        return false;
    if (audit->topic && strcmp(text_of(record, "topic"), audit->topic) != 0)
        return false;
    const json_t *uid = json_object_get(record, "uid");
    return !audit->user || (uid && json_integer_value(uid) == audit->uid);
}

static void print_record(const struct audit *audit, json_t *record)
{
    if (audit->json) {
        cli_print_json(json_incref(record), true);
        return;
    }
    const json_t *uid = json_object_get(record, "uid");
    printf("%s  %-11s", text_of(record, "time"), text_of(record, "event"));
    if (uid) {
        const char *executable = text_of(record, "executable");
        printf("  user %lld, pid %lld, ", (long long)json_integer_value(uid),
               (long long)json_integer_value(json_object_get(record, "pid")));
        cli_print_text(executable[0] ? executable : "unknown", stdout);
    }
    static const char *const rest[] = {"topic", "text"};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        if (text_of(record, rest[i])[0]) {
            fputs("  ", stdout);
            cli_print_text(text_of(record, rest[i]), stdout);
        }
    putchar('\n');
}

/* Ask for what comes after *last. */
static enum percept_status print_page(const struct audit *audit, struct percept_client *client,
                                      uint64_t *last, bool *more, struct percept_error *error)
{
    char what[40];
    json_t *answer, *record;
    size_t i;
    snprintf(what, sizeof what, "audit %llu", (unsigned long long)*last);
    enum percept_status status = cli_query(client, what, &answer, error);
    if (status)
        return status;
    json_t *records = json_object_get(answer, "records");
    json_array_foreach(records, i, record) if (wanted(audit, record)) print_record(audit, record);
    *last = (uint64_t)json_integer_value(json_object_get(answer, "last"));
    *more = json_array_size(records) > 0;
    json_decref(answer);
    return PERCEPT_OK;
}

static int print_all(const struct audit *audit)
{
    struct percept_client *client;
    struct percept_error error;
    uint64_t last = 0;
    bool more = true;
    int code = cli_connect(audit->socket, &client);
    if (code)
        return code;
    enum percept_status status = PERCEPT_OK;
    while (!status && (more || audit->follow)) {
        if (!more)
            base_clock_sleep_until(base_clock_ns() + FOLLOW_NS);
        status = print_page(audit, client, &last, &more, &error);
        if (fflush(stdout) != 0) /* a reader that has gone ends this quietly */
            break;
    }
    percept_disconnect(client);
    if (status)
        return cli_fail(status == PERCEPT_DISCONNECTED ? CLI_NO_DAEMON : CLI_FAILURE, &error);
    return CLI_OK;
}

int cli_audit(int argc, char **argv)
{
    struct audit audit = {0};
    struct percept_error error = {0};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&audit.socket),
        {"json", NULL, "print a JSON object a line", BASE_OPTION_FLAG, &audit.json},
        {"since", "TIME", "not what is older: 10m, 8h, 7d, or a UTC time like 2026-11-29T08:00",
         BASE_OPTION_TEXT, &audit.since},
        {"topic", "TOPIC", "only what is about this topic", BASE_OPTION_TEXT, &audit.topic},
        {"user", "USER", "only what this user did: a name or a number", BASE_OPTION_TEXT,
         &audit.user},
        {"follow", NULL, "go on with what happens from now on", BASE_OPTION_FLAG, &audit.follow},
    };
    const struct base_usage usage = {
        .program = "percept audit",
        .operands = "",
        .purpose = "Show who read what, and when.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    enum percept_status status = PERCEPT_OK;
    if (audit.user)
        status = cli_parse_user(audit.user, &audit.uid, &error);
    if (!status && audit.since && !read_since(&audit))
        status = percept_fail(&error, PERCEPT_INVALID,
                              "--since takes a time like 10m or 2026-11-29T08:00, not '%.60s'",
                              audit.since);
    return status ? cli_misuse(&usage, "%s", error.message) : print_all(&audit);
}
