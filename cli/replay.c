/*
 * percept replay: the samples of a recording, published again in their time. It answers on the
 * socket where a daemon would, so that whoever reads topics needs to know nothing of it. All of it
 * is on one loop: a timer that is due with the next sample, and the control server.
 */
#include "cli/replay.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "ipc/topic_class.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define AGAIN_NS (10 * BASE_NS_PER_MS) /* from the last sample to the first */

enum {
    AT_ONCE = 64, /* samples that are due together before the loop has its turn */
    LOOK_MS = 20, /* how late a first reader may be noticed */
};

struct replay {
    const char *socket;
    double speed;
    bool loops, awaits_reader;
    struct replay_samples samples;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signals[2];
    struct ipc_server *server;
    bool begun, has_next;
    int64_t due_ns, previous_ns; /* of the next sample; when the one before was published */
    struct percept_error error;  /* why it ended early */
};

/* ---- what is served ---- */

static enum percept_status may(const struct ipc_peer *peer, struct percept_error *error)
{
    return peer->uid == geteuid()
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_PERMISSION,
                              "a recording is replayed to programs of its user alone");
}

static enum percept_status may_read(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *error)
{
    (void)context, (void)topic;
    return may(peer, error);
}

static enum percept_status may_ask(void *context, const struct ipc_peer *peer, const char *what,
                                   struct percept_error *error)
{
    (void)context, (void)what;
    return may(peer, error);
}

static enum percept_status no_terms(void *context, const struct ipc_peer *peer,
                                    const struct percept_grant *terms, struct percept_error *error)
{
    (void)context, (void)peer, (void)terms;
    return percept_fail(error, PERCEPT_UNSUPPORTED, "a replayed recording has nothing to grant");
}

static void on_event(void *context, enum ipc_event event, const struct ipc_peer *peer,
                     const char *topic, const char *text)
{
    (void)context, (void)peer;
    if (event == IPC_EVENT_REFUSE)
        base_log(BASE_LOG_WARNING, "refused %s: %s", *topic ? topic : "a connection", text);
}

static const struct ipc_guard guard = {
    .may_read = may_read,
    .may_ask = may_ask,
    .grant = no_terms,
    .revoke = no_terms,
    .event = on_event,
};

static json_t *topic_rows(const struct replay *replay)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < replay->samples.topic_count; i++) {
        struct ipc_topic_stats t;
        ipc_topic_stats(replay->samples.topics[i].topic, &t);
        json_array_append_new(
            rows,
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:b}", "name", t.name, "schema",
                      t.schema, "class", ipc_topic_class_of(t.schema)->name, "published",
                      (json_int_t)t.published, "dropped", (json_int_t)t.dropped, "bytes",
                      (json_int_t)t.bytes, "subscribers", (int)t.subscribers, "closed", t.closed));
    }
    return rows;
}

/* As the recording describes them, which may be of another version than this program. */
static json_t *schema_rows(const struct replay *replay)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < replay->samples.topic_count; i++)
        if (replay->samples.topics[i].description)
            json_array_append(rows, replay->samples.topics[i].description);
    return rows;
}

static char *query(void *context, uint64_t ticket, const char *what, bool *later)
{
    (void)ticket;
    (void)later;
    const struct replay *replay = context;
    json_t *(*make)(const struct replay *replay) = strcmp(what, "topics") == 0    ? topic_rows
                                                   : strcmp(what, "schemas") == 0 ? schema_rows
                                                                                  : NULL;
    if (!make)
        return NULL;
    json_t *answer = json_pack("{s:o}", what, make(replay));
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return text;
}

/* ---- samples ---- */

static void stop(struct replay *replay)
{
    uv_timer_stop(&replay->timer);
    uv_stop(&replay->loop);
}

/* Nanoseconds of the recording as nanoseconds of now; whatever a file says, a time to come. */
static int64_t paced(const struct replay *replay, int64_t ns)
{
    double wait = (double)ns / replay->speed;
    return wait > 0 ? (int64_t)(wait < 1e17 ? wait : 1e17) : 0;
}

/* Look at the next sample, and when it is due: as long after the one before as it was. */
static bool look_ahead(struct replay *replay)
{
    struct percept_error error;
    enum percept_status status = replay_next(&replay->samples, &error);
    if (status == PERCEPT_END && replay->loops) {
        status = replay_rewind(&replay->samples, &error);
        if (!status)
            status = replay_next(&replay->samples, &error);
        replay->previous_ns = replay->samples.sample.sample.publish_ns;
        replay->due_ns += AGAIN_NS;
    }
    replay->has_next = status == PERCEPT_OK;
    if (!replay->has_next) {
        if (status != PERCEPT_END)
            replay->error = error;
        return false;
    }
    int64_t published = replay->samples.sample.sample.publish_ns, gap;
    if (__builtin_sub_overflow(published, replay->previous_ns, &gap))
        gap = 0;
    replay->due_ns += paced(replay, gap);
    replay->previous_ns = published;
    return true;
}

/* Captured as long before it is published as it was. */
static void publish(struct replay *replay)
{
    const struct percept_sample *sample = &replay->samples.sample.sample;
    struct ipc_topic *topic = replay->samples.of->topic;
    int64_t now = base_clock_ns(), age;
    if (__builtin_sub_overflow(sample->publish_ns, sample->capture_ns, &age) || age < 0 ||
        age > now)
        age = 0;
    void *to = ipc_topic_loan(topic);
    if (!to) /* counted as a drop */
        return;
    if (sample->size)
        memcpy(to, sample->data, sample->size);
    ipc_topic_publish(topic, sample->size, now - age);
}

static bool is_read(const struct replay *replay)
{
    for (unsigned i = 0; i < replay->samples.topic_count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(replay->samples.topics[i].topic, &stats);
        if (stats.subscribers > 0)
            return true;
    }
    return false;
}

static void on_timer(uv_timer_t *timer)
{
    struct replay *replay = timer->data;
    if (!replay->begun && replay->awaits_reader && !is_read(replay)) {
        uv_timer_start(timer, on_timer, LOOK_MS, 0);
        return;
    }
    if (!replay->begun)
        replay->due_ns = base_clock_ns();
    replay->begun = true;
    for (int i = 0; i < AT_ONCE && replay->has_next && replay->due_ns <= base_clock_ns(); i++) {
        publish(replay);
        look_ahead(replay);
    }
    if (!replay->has_next) {
        stop(replay);
        return;
    }
    int64_t wait_ns = replay->due_ns - base_clock_ns();
    /* A timer that is due at once has its turn before the sockets, again and again. */
    uv_timer_start(timer, on_timer,
                   wait_ns > 0 ? (uint64_t)((wait_ns + BASE_NS_PER_MS - 1) / BASE_NS_PER_MS) : 1,
                   0);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    stop(signal->data);
}

/* ---- from the first to the last ---- */

static enum percept_status serve(struct replay *replay)
{
    const struct ipc_server_options options = {
        .socket_path = replay->socket, .query = query, .context = replay, .guard = &guard};
    enum percept_status status =
        ipc_server_create(&replay->loop, &options, &replay->server, &replay->error);
    for (unsigned i = 0; i < replay->samples.topic_count && !status; i++) {
        struct replay_topic *topic = &replay->samples.topics[i];
        const struct ipc_topic_options of = {
            .name = topic->name,
            .schema = topic->schema,
            .max_bytes = topic->most_bytes ? topic->most_bytes : 1,
        };
        status = ipc_topic_create(&of, &topic->topic, &replay->error);
        if (!status)
            status = ipc_server_add_topic(replay->server, topic->topic, &replay->error);
    }
    return status;
}

static void show(const struct replay *replay)
{
    static const char *const titles[] = {"TOPIC", "SAMPLES", "DROPPED"};
    struct cli_table table;
    cli_table_begin(&table, "lrr", titles);
    for (unsigned i = 0; i < replay->samples.topic_count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(replay->samples.topics[i].topic, &stats);
        cli_table_cell(&table, "%s", stats.name);
        cli_table_cell(&table, "%llu", (unsigned long long)stats.published);
        cli_table_cell(&table, "%llu", (unsigned long long)stats.dropped);
    }
    cli_table_end(&table, 0, "\n", stdout);
}

/* Readers of topics that have ended are told so, and what they have not read yet stays with them;
 * of a replay that was stopped, too, since nobody comes back. */
static int play(struct replay *replay)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    uv_loop_init(&replay->loop);
    uv_timer_init(&replay->loop, &replay->timer);
    replay->timer.data = replay;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&replay->loop, &replay->signals[i]);
        replay->signals[i].data = replay;
        uv_signal_start(&replay->signals[i], on_signal, numbers[i]);
    }
    enum percept_status status = serve(replay);
    bool served = !status;
    if (served && look_ahead(replay)) {
        uv_timer_start(&replay->timer, on_timer, 0, 0);
        uv_run(&replay->loop, UV_RUN_DEFAULT);
    }
    for (unsigned i = 0; served && i < replay->samples.topic_count; i++)
        ipc_topic_close(replay->samples.topics[i].topic);
    if (served)
        show(replay);
    ipc_server_destroy(replay->server);
    uv_close((uv_handle_t *)&replay->timer, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&replay->signals[i], NULL);
    uv_run(&replay->loop, UV_RUN_DEFAULT);
    uv_loop_close(&replay->loop);
    for (unsigned i = 0; i < replay->samples.topic_count; i++)
        ipc_topic_destroy(replay->samples.topics[i].topic);
    if (status || replay->error.status)
        return cli_fail(CLI_FAILURE, &replay->error);
    return CLI_OK;
}

static int run(struct replay *replay, const char *path, char **wanted, int wanted_count)
{
    struct percept_error error;
    enum percept_status status = replay_open(&replay->samples, path, wanted, wanted_count, &error);
    if (status)
        return cli_fail(
            status == PERCEPT_NOT_FOUND && replay->samples.file ? CLI_FAILURE : CLI_INPUT, &error);
    if (replay->samples.cut_off)
        base_log(BASE_LOG_WARNING, "%s stops in the middle; what is whole is replayed", path);
    return play(replay);
}

int cli_replay(int argc, char **argv)
{
    struct replay replay = {.speed = 1};
    const char *speed = NULL;
    int operands, code;
    const struct base_option options[] = {
        {"socket", "PATH", "where to answer; instead of $PERCEPT_SOCKET or the default",
         BASE_OPTION_TEXT, &replay.socket},
        {"speed", "FACTOR", "how much faster than it was recorded, or slower; 1 if not given",
         BASE_OPTION_TEXT, &speed},
        {"loop", NULL, "begin again at the end", BASE_OPTION_FLAG, &replay.loops},
        {"when-read", NULL, "begin when somebody reads a topic", BASE_OPTION_FLAG,
         &replay.awaits_reader},
    };
    const struct base_usage usage = {
        .program = "percept replay",
        .operands = "FILE [TOPIC...]",
        .purpose = "Publish the samples of a recording again, in the place of a daemon.",
        .least = 1,
        .most = 1 + RECORDING_TOPICS,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    char *end = NULL;
    if (speed)
        replay.speed = strtod(speed, &end);
    if (speed &&
        (*speed == '\0' || *end != '\0' || !(replay.speed >= 0.001) || !(replay.speed <= 1000)))
        return cli_misuse(&usage, "--speed wants a factor from 0.001 to 1000, not '%s'", speed);
    code = run(&replay, argv[1], argv + 2, operands - 1);
    replay_close(&replay.samples);
    return code;
}
