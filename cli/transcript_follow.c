/*
 * Why: the history ends somewhere and the topic goes on somewhere; between the two no line may be
 * missing, and none come twice.
 *
 * First the topics are subscribed to, then the history is asked for. So what becomes final
 * meanwhile is in both, or in the topic alone, whose samples have the last captions again and
 * again.
 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/subscribe.h"
#include "cli/transcript.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MOST 256 /* of a topic: more than its samples have */

/* A final caption without a translation, of a topic that has translations, is waited for so long
 * since the end of its speech: a pipeline translates one after the other. */
#define TRANSLATION_NS (4 * BASE_NS_PER_S)
#define LOOK_MS        200
#define PENDING_MOST   32

struct known {
    uint64_t utterance;
    int64_t begin_ns; /* CLOCK_MONOTONIC */
};

struct followed {
    struct cli_topic topic;
    struct known known[KNOWN_MOST]; /* round and round */
    size_t count;
    bool ended;
    bool translated; /* its captions are, or some */
    /* Final ones that have not been printed yet, in order: the first waits for its translation. */
    struct percept_caption pending[PENDING_MOST];
    size_t pending_count;
};

struct cli_follow {
    size_t count;
    struct followed followed[CLI_TOPICS];
};

/* Topics of captions; of all of them those that we may read. */
static enum percept_status subscribe(struct percept_client *client, const char *wanted,
                                     struct cli_follow *follow, struct percept_error *error)
{
    struct cli_topic topics[CLI_TOPICS];
    char *names[CLI_TOPICS];
    int name_count = 0;
    size_t count, i;
    json_t *answer, *row;
    enum percept_status status = cli_query(client, "topics", &answer, error);
    if (status)
        return status;
    json_array_foreach(json_object_get(answer, "topics"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *schema = json_string_value(json_object_get(row, "schema"));
        if (name && schema && strcmp(schema, PERCEPT_CAPTIONS_SCHEMA) == 0 &&
            (!wanted || strcmp(wanted, name) == 0) && name_count < CLI_TOPICS)
            names[name_count++] = (char *)name;
    }
    if (name_count == 0 && wanted)
        status =
            percept_fail(error, PERCEPT_NOT_FOUND, "there is no topic '%.64s' of captions", wanted);
    else if (name_count == 0)
        status = percept_fail(error, PERCEPT_NOT_FOUND, "there is no topic of captions");
    struct percept_error refused = {0};
    for (int n = 0; n < name_count && !status; n++) {
        status = cli_subscribe(client, &names[n], 1, topics, &count, error);
        if (status == PERCEPT_PERMISSION && !wanted) {
            refused = *error;
            status = PERCEPT_OK;
        } else if (!status) {
            follow->followed[follow->count++].topic = topics[0];
        }
    }
    json_decref(answer);
    if (!status && follow->count == 0)
        status = percept_fail(error, PERCEPT_PERMISSION, "%s", refused.message);
    return status;
}

enum percept_status cli_follow_begin(struct percept_client *client, const char *topic,
                                     struct cli_follow **result, struct percept_error *error)
{
    struct cli_follow *follow = calloc(1, sizeof *follow);
    if (!follow)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = subscribe(client, topic, follow, error);
    if (status)
        free(follow);
    else
        *result = follow;
    return status;
}

void cli_follow_end(struct cli_follow *follow)
{
    free(follow); /* the client frees the subscriptions */
}

static bool is_known(const struct followed *of, uint64_t utterance, int64_t begin_ns)
{
    for (size_t i = 0; i < of->count && i < KNOWN_MOST; i++)
        if (of->known[i].utterance == utterance && of->known[i].begin_ns == begin_ns)
            return true;
    return false;
}

/* False when it was known already. */
static bool learn(struct followed *of, uint64_t utterance, int64_t begin_ns)
{
    if (is_known(of, utterance, begin_ns))
        return false;
    of->known[of->count++ % KNOWN_MOST] = (struct known){utterance, begin_ns};
    return true;
}

void cli_follow_know(struct cli_follow *follow, const json_t *row)
{
    const char *topic = json_string_value(json_object_get(row, "topic"));
    for (size_t i = 0; topic && i < follow->count; i++) {
        struct followed *of = &follow->followed[i];
        if (strcmp(of->topic.name, topic) != 0)
            continue;
        learn(of, (uint64_t)json_integer_value(json_object_get(row, "utterance")),
              json_integer_value(json_object_get(row, "monotonic_ns")));
        of->translated |= cli_line_of(row).translation_language[0] != '\0';
    }
}

static int64_t realtime_offset(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec - base_clock_ns();
}

static json_t *text_of(const char *text, size_t size)
{
    char copy[PERCEPT_CAPTION_BYTES + 1];
    size_t length = strnlen(text, size);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return cli_json_text(copy);
}

/* As the history has it, but for the id, which only the history knows. */
static json_t *row_of(const struct followed *of, const struct percept_caption *caption)
{
    json_int_t offset = realtime_offset();
#define TEXT(name) text_of(caption->name, sizeof caption->name)
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:i, s:f, s:o, s:o, s:o, s:o}", "topic",
                     of->topic.name, "begin_ns", (json_int_t)caption->begin_ns + offset, "end_ns",
                     (json_int_t)caption->end_ns + offset, "utterance", (json_int_t)caption->id,
                     "monotonic_ns", (json_int_t)caption->begin_ns, "side", (int)caption->side,
                     "score", (double)caption->score, "language", TEXT(language), "text",
                     TEXT(text), "translation_language", TEXT(translation_language), "translation",
                     TEXT(translation));
#undef TEXT
}

static void print_first(struct followed *of, struct cli_line_writer *writer)
{
    const struct percept_caption *caption = &of->pending[0];
    json_t *row = row_of(of, caption);
    if (row)
        cli_write_line(writer, row);
    json_decref(row);
    learn(of, caption->id & INT64_MAX, caption->begin_ns);
    memmove(&of->pending[0], &of->pending[1], --of->pending_count * sizeof of->pending[0]);
}

/* Print what need not wait, or all. */
static void print_pending(struct followed *of, struct cli_line_writer *writer, bool all)
{
    while (of->pending_count > 0) {
        const struct percept_caption *caption = &of->pending[0];
        if (!all && of->translated && caption->translation_language[0] == '\0' &&
            base_clock_ns() < caption->end_ns + TRANSLATION_NS)
            return;
        print_first(of, writer);
    }
}

/* Its place among those that are pending; at the end when it is new. */
static struct percept_caption *place_of(struct followed *of, struct cli_line_writer *writer,
                                        const struct percept_caption *caption)
{
    for (size_t i = 0; i < of->pending_count; i++)
        if (of->pending[i].id == caption->id && of->pending[i].begin_ns == caption->begin_ns)
            return &of->pending[i];
    if (of->pending_count == PENDING_MOST)
        print_first(of, writer);
    return &of->pending[of->pending_count++];
}

/* What is final and new. */
static void look(struct followed *of, struct cli_line_writer *writer, int64_t since_ns,
                 const struct percept_captions *captions)
{
    for (uint32_t i = 0; i < captions->caption_count && i < PERCEPT_CAPTIONS_MAX; i++) {
        const struct percept_caption *caption = &captions->captions[i];
        of->translated |= caption->translation_language[0] != '\0';
        if (caption->final && caption->text[0] && caption->end_ns + realtime_offset() > since_ns &&
            !is_known(of, caption->id & INT64_MAX, caption->begin_ns))
            *place_of(of, writer, caption) = *caption;
    }
    print_pending(of, writer, false);
}

/* All that there is for now. */
static enum percept_status take(struct followed *of, struct cli_line_writer *writer,
                                int64_t since_ns, struct percept_error *error)
{
    struct percept_sample sample;
    enum percept_status status;
    while ((status = percept_next(of->topic.subscription, 0, &sample, error)) == PERCEPT_OK) {
        if (sample.size >= sizeof(struct percept_captions))
            look(of, writer, since_ns, sample.data);
    }
    of->ended = status == PERCEPT_END;
    print_pending(of, writer, of->ended);
    return status == PERCEPT_TIMED_OUT || of->ended ? PERCEPT_OK : status;
}

enum percept_status cli_follow_run(struct cli_follow *follow, struct cli_line_writer *writer,
                                   int64_t since_ns, struct percept_error *error)
{
    struct pollfd polled[CLI_TOPICS];
    cli_catch_interrupts();
    for (;;) {
        nfds_t count = 0;
        bool waits = false;
        for (size_t i = 0; i < follow->count; i++) {
            struct followed *of = &follow->followed[i];
            enum percept_status status = of->ended ? PERCEPT_OK : take(of, writer, since_ns, error);
            if (status)
                return status;
            if (!of->ended)
                polled[count++] = (struct pollfd){
                    .fd = percept_subscription_fd(of->topic.subscription), .events = POLLIN};
            waits |= of->pending_count > 0;
        }
        if (fflush(writer->file) != 0 || count == 0)
            return PERCEPT_OK;
        if (!cli_interrupted())
            poll(polled, count, waits ? LOOK_MS : -1);
        if (cli_interrupted())
            break;
    }
    for (size_t i = 0; i < follow->count; i++)
        print_pending(&follow->followed[i], writer, true);
    return PERCEPT_OK;
}
