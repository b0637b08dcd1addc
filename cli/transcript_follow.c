/*
 * Why: the history ends somewhere and the topic goes on somewhere; between the two no line may be
 * missing, and none come twice.
 *
 * First the topics are subscribed to, then the history is asked for. So what becomes final
 * meanwhile is in both, or in the topic alone, whose samples have the last captions again and
 * again. Only a line's id the topic does not know: that is asked for. So is what came while this
 * program stood still for longer than the topic remembers.
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
    struct percept_client *client;
    struct cli_topic topic;
    struct known known[KNOWN_MOST]; /* round and round */
    size_t count;
    bool ended;
    bool behind;     /* it has samples that were not looked at */
    bool translated; /* its captions are, or some */
    /* Final ones that have not been printed yet, in order: the first waits for its translation. */
    struct percept_caption pending[PENDING_MOST];
    size_t pending_count;
    json_t *page; /* the newest lines of the history, as they were when it was asked last */
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
            follow->followed[follow->count].client = client;
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
    for (size_t i = 0; follow && i < follow->count; i++)
        json_decref(follow->followed[i].page);
    free(follow); /* the client frees the subscriptions */
}

static bool is_same(struct known one, struct known other)
{
    return one.utterance == other.utterance && one.begin_ns == other.begin_ns;
}

static bool is_known(const struct followed *of, struct known one)
{
    for (size_t i = 0; i < of->count && i < KNOWN_MOST; i++)
        if (is_same(of->known[i], one))
            return true;
    return false;
}

/* False when it was known already. */
static bool learn(struct followed *of, struct known one)
{
    if (is_known(of, one))
        return false;
    of->known[of->count++ % KNOWN_MOST] = one;
    return true;
}

static struct known known_of(const json_t *row)
{
    return (struct known){(uint64_t)json_integer_value(json_object_get(row, "utterance")),
                          json_integer_value(json_object_get(row, "monotonic_ns"))};
}

/* As the history numbers it, too. */
static struct known known_in(const struct percept_caption *caption)
{
    return (struct known){caption->id & INT64_MAX, caption->begin_ns};
}

void cli_follow_know(struct cli_follow *follow, const json_t *row)
{
    const char *topic = json_string_value(json_object_get(row, "topic"));
    for (size_t i = 0; topic && i < follow->count; i++) {
        struct followed *of = &follow->followed[i];
        if (strcmp(of->topic.name, topic) != 0)
            continue;
        learn(of, known_of(row));
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

static json_t *id_on_page(const json_t *page, const struct percept_caption *caption)
{
    json_t *row;
    size_t i;
    json_array_foreach(page, i, row)
    {
        if (is_same(known_of(row), known_in(caption)))
            return json_incref(json_object_get(row, "id"));
    }
    return NULL;
}

static void turn_page(struct followed *of)
{
    const struct percept_history wish = {
        .topic = of->topic.name, .limit = KNOWN_MOST, .newest = true};
    struct percept_error error;
    bool more;
    json_decref(of->page);
    of->page = NULL;
    if (cli_history_page(of->client, &wish, &of->page, &more, &error) != PERCEPT_OK)
        of->page = NULL;
}

/* Its id in the history, which has a caption before its topic does; null when it is not kept. */
static json_t *id_of(struct followed *of, const struct percept_caption *caption)
{
    json_t *id = id_on_page(of->page, caption);
    if (!id) {
        turn_page(of);
        id = id_on_page(of->page, caption);
    }
    return id ? id : json_null();
}

/* As the history has it; takes the id. */
static json_t *row_of(const struct followed *of, const struct percept_caption *caption, json_t *id)
{
    json_int_t offset = realtime_offset();
#define TEXT(name) text_of(caption->name, sizeof caption->name)
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:i, s:f, s:o, s:o, s:o, s:o}", "id", id,
                     "topic", of->topic.name, "begin_ns", (json_int_t)caption->begin_ns + offset,
                     "end_ns", (json_int_t)caption->end_ns + offset, "utterance",
                     (json_int_t)caption->id, "monotonic_ns", (json_int_t)caption->begin_ns, "side",
                     (int)caption->side, "score", (double)caption->score, "language",
                     TEXT(language), "text", TEXT(text), "translation_language",
                     TEXT(translation_language), "translation", TEXT(translation));
#undef TEXT
}

static void print_first(struct followed *of, struct cli_line_writer *writer)
{
    const struct percept_caption *caption = &of->pending[0];
    json_t *id = writer->format == CLI_JSON ? id_of(of, caption) : json_null();
    json_t *row = row_of(of, caption, id);
    if (row)
        cli_write_line(writer, row);
    json_decref(row);
    learn(of, known_in(caption));
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

static bool is_met(const struct followed *of, struct known one)
{
    for (size_t i = 0; i < of->pending_count; i++)
        if (is_same(known_in(&of->pending[i]), one))
            return true;
    return is_known(of, one);
}

/* Then nothing is missing before these: each sample has the last captions again. */
static bool has_met(const struct followed *of, const struct percept_captions *captions)
{
    for (uint32_t i = 0; i < captions->caption_count && i < PERCEPT_CAPTIONS_MAX; i++)
        if (is_met(of, known_in(&captions->captions[i])))
            return true;
    return false;
}

/* Samples were lost: what was said between the last caption that we met and the first that the
 * topic still has is in the history, if it is kept. */
static void catch_up(struct followed *of, struct cli_line_writer *writer, int64_t since_ns,
                     const struct percept_captions *captions)
{
    int64_t until_ns =
        captions->caption_count ? captions->captions[0].begin_ns : captions->capture_ns;
    turn_page(of);
    json_t *page = json_incref(of->page); /* printing may turn it */
    size_t end = json_array_size(page), first;
    while (end > 0 && known_of(json_array_get(page, end - 1)).begin_ns >= until_ns)
        end--;
    for (first = end; first > 0; first--)
        if (is_met(of, known_of(json_array_get(page, first - 1))))
            break;
    if (first < end)
        print_pending(of, writer, true);
    for (; first < end; first++) {
        json_t *row = json_array_get(page, first);
        if (json_integer_value(json_object_get(row, "end_ns")) > since_ns &&
            learn(of, known_of(row)))
            cli_write_line(writer, row);
    }
    json_decref(page);
}

/* What is final and new. */
static void look(struct followed *of, struct cli_line_writer *writer, int64_t since_ns,
                 const struct percept_captions *captions)
{
    for (uint32_t i = 0; i < captions->caption_count && i < PERCEPT_CAPTIONS_MAX; i++) {
        const struct percept_caption *caption = &captions->captions[i];
        of->translated |= caption->translation_language[0] != '\0';
        if (caption->final && caption->text[0] && caption->end_ns + realtime_offset() > since_ns &&
            !is_known(of, known_in(caption)))
            *place_of(of, writer, caption) = *caption;
    }
    print_pending(of, writer, false);
}

/* All that there is for now; but no more after a look at the history, for if that takes longer than
 * samples take to come, there is no end of it. */
static enum percept_status take(struct followed *of, struct cli_line_writer *writer,
                                int64_t since_ns, struct percept_error *error)
{
    struct percept_sample sample;
    enum percept_status status = PERCEPT_OK;
    of->behind = false;
    while (!of->behind &&
           (status = percept_next(of->topic.subscription, 0, &sample, error)) == PERCEPT_OK) {
        if (sample.size < sizeof(struct percept_captions))
            continue;
        of->behind = sample.lost && !has_met(of, sample.data);
        if (of->behind)
            catch_up(of, writer, since_ns, sample.data);
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
            waits |= of->pending_count > 0 || of->behind;
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
