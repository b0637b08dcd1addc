/* Why: what is remembered of people is a matter of who decided so, who may read it, and who may end
 * it; the file itself knows nothing of that. */
#include "daemon/transcript.h"

#include "base/clock.h"
#include "base/log.h"
#include "transcript/recorder.h"
#include "transcript/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request;

struct daemon_transcript {
    struct transcript_recorder *recorder;
    struct access *access;
    struct ipc_server *server;
    const struct topics *topics;
    uv_async_t done_async; /* the recorder's thread -> loop */
    pthread_mutex_t mutex; /* of what follows */
    struct request *done, **done_end;
};

/* What a client wants of the store. */
struct request {
    struct transcript_job job; /* the first member: the recorder hands it back */
    struct daemon_transcript *owner;
    struct request *next;
    uint64_t ticket;
    bool forget;
    int64_t real_ns, boot_ns; /* forget: since then */
    struct transcript_wish wish;
    char search[4096], names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES];
    const char *topics[TRANSCRIPT_TOPICS_MAX];
    /* The answer. */
    json_t *lines;
    char *json;
    struct percept_error error;
};

/* ---- on the recorder's thread ---- */

static json_t *text_of(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_string("?"); /* a file may have been damaged */
}

static void add_line(void *context, const struct transcript_line *line)
{
    struct request *request = context;
    json_t *row = json_pack(
        "{s:I, s:o, s:I, s:I, s:I, s:I, s:i, s:f, s:o, s:o, s:o, s:o}", "id", (json_int_t)line->id,
        "topic", text_of(line->topic), "begin_ns", (json_int_t)line->begin_ns, "end_ns",
        (json_int_t)line->end_ns, "utterance", (json_int_t)line->utterance, "monotonic_ns",
        (json_int_t)line->monotonic_ns, "side", (int)line->side, "score", line->score, "language",
        text_of(line->language), "text", text_of(line->text), "translation_language",
        text_of(line->translation_language), "translation", text_of(line->translation));
    if (request->wish.newest)
        json_array_insert_new(request->lines, 0, row); /* they come in reverse */
    else
        json_array_append_new(request->lines, row);
}

static char *find_page(struct request *request, struct transcript_store *store)
{
    bool more = false;
    request->lines = json_array();
    enum percept_status status =
        transcript_store_page(store, &request->wish, add_line, request, &more, &request->error);
    json_t *root = json_pack("{s:o, s:b}", "lines", request->lines, "more", more);
    char *json = root && status == PERCEPT_OK ? json_dumps(root, JSON_COMPACT) : NULL;
    if (!json && status == PERCEPT_OK)
        percept_fail(&request->error, PERCEPT_NO_MEMORY, "out of memory");
    json_decref(root);
    return json;
}

static char *erase(struct request *request, struct transcript_store *store)
{
    uint64_t erased = 0;
    char *json = NULL;
    if (transcript_store_forget(store, request->real_ns, request->boot_ns, &erased,
                                &request->error) != PERCEPT_OK)
        return NULL;
    base_log(BASE_LOG_INFO, "the transcript: %llu lines were forgotten",
             (unsigned long long)erased);
    if (asprintf(&json, "{\"forgotten\":%llu}", (unsigned long long)erased) >= 0)
        return json;
    percept_fail(&request->error, PERCEPT_NO_MEMORY, "out of memory");
    return NULL;
}

static void run(struct transcript_job *job, struct transcript_store *store,
                const struct percept_error *why)
{
    struct request *request = (struct request *)job;
    struct daemon_transcript *owner = request->owner;
    if (store)
        request->json = request->forget ? erase(request, store) : find_page(request, store);
    else if (request->forget && why->status == PERCEPT_NOT_FOUND)
        request->json = strdup("{\"forgotten\":0}"); /* there never was any */
    else
        request->error = *why;
    if (!request->json && request->error.status == PERCEPT_OK)
        percept_fail(&request->error, PERCEPT_NO_MEMORY, "out of memory");
    pthread_mutex_lock(&owner->mutex);
    *owner->done_end = request;
    owner->done_end = &request->next;
    pthread_mutex_unlock(&owner->mutex);
    uv_async_send(&owner->done_async);
}

/* ---- on the loop ---- */

static struct request *take_done(struct daemon_transcript *transcript)
{
    pthread_mutex_lock(&transcript->mutex);
    struct request *first = transcript->done;
    transcript->done = NULL;
    transcript->done_end = &transcript->done;
    pthread_mutex_unlock(&transcript->mutex);
    return first;
}

static void answer_all(struct daemon_transcript *transcript, bool alive)
{
    struct request *request = take_done(transcript), *next;
    for (; request; request = next) {
        next = request->next;
        if (alive)
            ipc_server_answer(transcript->server, request->ticket, request->json, &request->error);
        else
            free(request->json);
        free(request);
    }
}

static void on_done(uv_async_t *async)
{
    answer_all(async->data, true);
}

static void on_event(void *context, enum base_log_level level, const char *text)
{
    (void)context;
    base_log(level, "the transcript: %s", text);
}

static enum percept_status submit(struct daemon_transcript *transcript, struct request *request,
                                  uint64_t ticket, struct percept_error *error)
{
    request->owner = transcript;
    request->ticket = ticket;
    request->job.run = run;
    enum percept_status status =
        transcript_recorder_submit(transcript->recorder, &request->job, error);
    if (status != PERCEPT_OK)
        free(request);
    return status;
}

/* ---- history ---- */

/* Of the topics that there are lines of, those that are wanted and that the client may read. Who
 * may read none of them is told why not. */
static enum percept_status choose_topics(struct daemon_transcript *transcript,
                                         struct request *request, const struct ipc_peer *peer,
                                         const char *wanted, struct percept_error *error)
{
    size_t count = transcript_recorder_topics(transcript->recorder, request->names);
    bool any = false;
    struct percept_error why;
    for (size_t i = 0; i < count; i++) {
        if (wanted[0] && strcmp(wanted, request->names[i]) != 0)
            continue;
        if (access_may_recall(transcript->access, peer, request->names[i], any ? NULL : &why) ==
            PERCEPT_OK)
            request->topics[request->wish.topic_count++] = request->names[i];
        any = true;
    }
    if (wanted[0] && !any)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no transcript is kept of a topic '%.63s'",
                            wanted);
    if (request->wish.topic_count > 0 || !any)
        return PERCEPT_OK;
    access_note(transcript->access, "refuse", peer, wanted, why.message);
    return percept_fail(error, PERCEPT_PERMISSION, "%s", why.message);
}

enum percept_status transcript_history(struct daemon_transcript *transcript, uint64_t ticket,
                                       const struct ipc_peer *peer,
                                       const struct percept_history *wish,
                                       struct percept_error *error)
{
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    bool all = wish->limit == 0 || wish->limit > TRANSCRIPT_PAGE_MAX;
    snprintf(request->search, sizeof request->search, "%s", wish->search);
    request->wish = (struct transcript_wish){.topics = request->topics,
                                             .search = wish->search[0] ? request->search : NULL,
                                             .from_ns = wish->from_ns,
                                             .to_ns = wish->to_ns,
                                             .after = wish->after,
                                             .before = wish->before,
                                             .limit = all ? TRANSCRIPT_PAGE_MAX : wish->limit,
                                             .newest = wish->newest != 0};
    enum percept_status status = choose_topics(transcript, request, peer, wish->topic, error);
    if (status != PERCEPT_OK) {
        free(request);
        return status;
    }
    /* What somebody searched for is nobody else's business. */
    for (size_t i = 0; i < request->wish.topic_count; i++)
        access_note(transcript->access, "history", peer, request->topics[i],
                    wish->search[0] ? "searched" : "");
    return submit(transcript, request, ticket, error);
}

/* ---- forgetting ---- */

static int64_t since(clockid_t clock, uint64_t seconds)
{
    struct timespec t;
    int64_t ago, then;
    clock_gettime(clock, &t);
    if (seconds > INT64_MAX / BASE_NS_PER_S)
        return INT64_MIN; /* all */
    ago = (int64_t)seconds * BASE_NS_PER_S;
    return __builtin_sub_overflow((int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec, ago, &then)
               ? INT64_MIN
               : then;
}

enum percept_status transcript_forget(struct daemon_transcript *transcript, uint64_t ticket,
                                      const struct ipc_peer *peer, uint64_t seconds,
                                      struct percept_error *error)
{
    char text[48] = "all";
    enum percept_status status = access_may_forget(transcript->access, peer, error);
    if (status != PERCEPT_OK)
        return status;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (seconds != PERCEPT_FORGET_ALL)
        snprintf(text, sizeof text, "the last %llu s", (unsigned long long)seconds);
    access_note(transcript->access, "forget", peer, "", text);
    request->forget = request->job.even_off = true;
    request->real_ns = since(CLOCK_REALTIME, seconds);
    request->boot_ns = since(CLOCK_BOOTTIME, seconds);
    /* First what is about to be published or kept, then what can still be read, then the file. */
    transcript_recorder_hide(transcript->recorder, since(CLOCK_MONOTONIC, seconds),
                             base_clock_ns());
    for (size_t i = 0; i < transcript->topics->count; i++)
        if (strcmp(ipc_topic_schema(transcript->topics->all[i]), PERCEPT_CAPTIONS_SCHEMA) == 0)
            ipc_server_hide_past(transcript->server, transcript->topics->all[i]);
    return submit(transcript, request, ticket, error);
}

/* ---- topics ---- */

static void look(void *context, void *payload, size_t size)
{
    if (size == sizeof(struct percept_captions))
        transcript_tap_look(context, payload);
}

enum percept_status transcript_watch(struct daemon_transcript *transcript,
                                     struct ipc_topic_options *options, struct percept_error *error)
{
    struct transcript_tap *tap;
    if (!transcript || strcmp(options->schema, PERCEPT_CAPTIONS_SCHEMA) != 0)
        return PERCEPT_OK;
    enum percept_status status =
        transcript_recorder_tap(transcript->recorder, options->name, &tap, error);
    if (status == PERCEPT_OK) {
        options->look = look;
        options->look_context = tap;
    }
    return status;
}

enum percept_status transcript_keep(struct daemon_transcript *transcript,
                                    const struct pipe_config *config, struct percept_error *error)
{
    const struct pipe_transcript_settings *settings = pipe_config_transcript(config);
    const struct transcript_limits limits = {
        .age_ns = (int64_t)(settings->days * 86400) * BASE_NS_PER_S,
        .lines = (uint64_t)settings->max_lines,
        .bytes = (uint64_t)settings->max_mib << 20,
    };
    return transcript_recorder_keep(transcript->recorder, settings->topics, settings->topic_count,
                                    &limits, error);
}

/* ---- its life ---- */

void transcript_serve(struct daemon_transcript *transcript, struct access *access,
                      struct ipc_server *server, const struct topics *topics)
{
    transcript->access = access;
    transcript->server = server;
    transcript->topics = topics;
}

enum percept_status transcript_open(uv_loop_t *loop, const struct state_folder *folder,
                                    struct daemon_transcript **result, struct percept_error *error)
{
    char *path = NULL;
    struct daemon_transcript *transcript = calloc(1, sizeof *transcript);
    if (!transcript || asprintf(&path, "%s/transcript.db", folder->path) < 0) {
        free(transcript);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    const struct transcript_recorder_options options = {.path = path, .event = on_event};
    enum percept_status status = transcript_recorder_create(&options, &transcript->recorder, error);
    free(path);
    int failed = status == PERCEPT_OK ? uv_async_init(loop, &transcript->done_async, on_done) : 0;
    if (failed)
        status = percept_fail_errno(error, -failed, "event loop");
    if (status != PERCEPT_OK) {
        transcript_recorder_destroy(transcript->recorder);
        free(transcript);
        return status;
    }
    pthread_mutex_init(&transcript->mutex, NULL);
    transcript->done_end = &transcript->done;
    transcript->done_async.data = transcript;
    *result = transcript;
    return PERCEPT_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void transcript_close(struct daemon_transcript *transcript)
{
    if (!transcript)
        return;
    transcript_recorder_destroy(transcript->recorder);
    answer_all(transcript, false);
    pthread_mutex_destroy(&transcript->mutex);
    uv_close((uv_handle_t *)&transcript->done_async, on_closed); /* which frees it */
}

json_t *transcript_json(struct daemon_transcript *transcript)
{
    struct transcript_recorder_stats s = {.state = "off"};
    char text[sizeof s.message];
    if (transcript)
        transcript_recorder_stats(transcript->recorder, &s);
    transcript_text_copy(text, sizeof text, s.message, sizeof s.message);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "state", s.state, "lines",
                     (json_int_t)s.lines, "bytes", (json_int_t)s.bytes, "written",
                     (json_int_t)s.written, "lost", (json_int_t)s.lost, "erased",
                     (json_int_t)s.erased, "cause", text);
}
