/* percept read: text that the daemon sees, read aloud. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/recording.h"
#include "cli/speak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct read {
    const char *socket, *topic, *recording, *language, *out;
    struct cli_reading_choice choice;
    bool selected, translation;
    double timeout_s;
};

/* Neighbours in one language are one text: espeak-ng is started once for them. */
static enum percept_status speak_all(const struct read *read, const struct cli_reading *readings,
                                     size_t count, struct percept_error *error)
{
    static char text[PERCEPT_TEXT_LINES_MAX * (PERCEPT_LINE_BYTES + 1)];
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0, next; i < count && status == PERCEPT_OK; i = next) {
        size_t used = 0;
        for (next = i; next < count && (read->language ||
                                        strcmp(readings[i].language, readings[next].language) == 0);
             next++) {
            size_t size = strlen(readings[next].text);
            memcpy(text + used, readings[next].text, size);
            text[used + size] = '\n';
            used += size + 1;
        }
        text[used - 1] = '\0';
        const char *language = read->language ? read->language : readings[i].language;
        if (read->out && next < count)
            return percept_fail(error, PERCEPT_UNSUPPORTED,
                                "the lines are in several languages; name one with --line or "
                                "--language to write a file");
        if (!language[0])
            return percept_fail(error, PERCEPT_NOT_FOUND,
                                "the language of '%.40s' is not known; name it with --language",
                                readings[i].text);
        status = cli_speak(text, language, read->out, error);
    }
    return status;
}

static enum percept_status speak_sample(const struct read *read, const char *schema,
                                        const struct percept_sample *sample,
                                        struct percept_error *error)
{
    struct cli_reading readings[PERCEPT_TEXT_LINES_MAX];
    size_t count;
    enum percept_status status = cli_speak_choose(schema, sample->data, sample->size, &read->choice,
                                                  readings, &count, error);
    return status ? status : speak_all(read, readings, count, error);
}

/* Is there anything to read in a sample? Then it need not wait for the next. */
static bool is_enough(const char *schema, const struct percept_sample *sample,
                      const struct cli_reading_choice *choice)
{
    struct cli_reading readings[PERCEPT_TEXT_LINES_MAX];
    size_t count;
    return cli_speak_choose(schema, sample->data, sample->size, choice, readings, &count, NULL) ==
           PERCEPT_OK;
}

static int read_live(const struct read *read)
{
    struct percept_error error = {0};
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    const char *schema = read->selected ? PERCEPT_TEXT_SELECTED_SCHEMA : PERCEPT_TEXT_SCHEMA;
    const struct percept_subscribe_options options = {.reading = PERCEPT_READ_LATEST,
                                                      .schema = schema};
    int code = cli_connect(read->socket, &client);
    if (code)
        return code;
    int64_t deadline = base_clock_ns() + (int64_t)(read->timeout_s * BASE_NS_PER_S);
    enum percept_status status =
        percept_subscribe(client, read->topic, &options, &subscription, &error);
    while (status == PERCEPT_OK) {
        int64_t left = deadline - base_clock_ns();
        status = percept_next(subscription, left > 0 ? left : 0, &sample, &error);
        if (status == PERCEPT_TIMED_OUT)
            percept_fail(&error, status, "nothing to read on '%s' for %g s", read->topic,
                         read->timeout_s);
        if (status == PERCEPT_OK && is_enough(schema, &sample, &read->choice)) {
            status = speak_sample(read, schema, &sample, &error);
            break;
        }
    }
    code = status ? cli_fail(CLI_FAILURE, &error) : CLI_OK;
    percept_disconnect(client);
    return code;
}

/* The last sample of a recording that has anything to read. */
static enum percept_status read_samples(const struct read *read, struct recording_reader *reader,
                                        struct percept_error *error)
{
    struct recording_sample from;
    struct percept_sample last = {0};
    char schema[64] = "";
    void *copy = NULL;
    enum percept_status status;
    while ((status = recording_next(reader, &from, error)) == PERCEPT_OK) {
        if (strcmp(from.topic, read->topic) != 0 || strlen(from.schema) >= sizeof schema ||
            (copy && !is_enough(from.schema, &from.sample, &read->choice)))
            continue;
        void *grown = realloc(copy, from.sample.size);
        if (!grown) {
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
            break;
        }
        copy = grown;
        memcpy(copy, from.sample.data, from.sample.size);
        last = (struct percept_sample){.data = copy, .size = from.sample.size};
        strcpy(schema, from.schema);
    }
    if (status == PERCEPT_END)
        status = copy ? speak_sample(read, schema, &last, error)
                      : percept_fail_at(error, PERCEPT_NOT_FOUND, read->recording, 0, 0,
                                        "no sample of a topic '%s'", read->topic);
    free(copy);
    return status;
}

static int read_recording(const struct read *read)
{
    struct percept_error error = {0};
    struct recording_reader *reader;
    FILE *file = fopen(read->recording, "rbe");
    if (!file) {
        percept_fail_errno(&error, errno, "%s", read->recording);
        return cli_fail(CLI_INPUT, &error);
    }
    enum percept_status status = recording_open(file, read->recording, &reader, &error);
    int code = status ? CLI_INPUT : CLI_FAILURE;
    if (!status) {
        status = read_samples(read, reader, &error);
        recording_close(reader);
    }
    fclose(file);
    return status ? cli_fail(code, &error) : CLI_OK;
}

int cli_read(int argc, char **argv)
{
    struct read read = {.timeout_s = 10};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&read.socket),
        {"line", "ID", "only this line; all of them, in order, if not given", BASE_OPTION_COUNT,
         &read.choice.line},
        {"selected", NULL, "what a finger points at: the topic text.selected", BASE_OPTION_FLAG,
         &read.selected},
        {"translation", NULL, "the translation instead of what is written", BASE_OPTION_FLAG,
         &read.translation},
        {"language", "CODE", "the language, where it is not known or wrong", BASE_OPTION_TEXT,
         &read.language},
        {"topic", "NAME", "another topic of text; else text or text.selected", BASE_OPTION_TEXT,
         &read.topic},
        {"out", "FILE", "write it there as WAV instead of saying it", BASE_OPTION_TEXT, &read.out},
        {"from", "FILE", "of what percept record left there, the last that can be read",
         BASE_OPTION_TEXT, &read.recording},
        {"timeout", "SECONDS", "fail when there is nothing to read for so long; 10 if not given",
         BASE_OPTION_SECONDS, &read.timeout_s},
    };
    const struct base_usage usage = {
        .program = "percept read",
        .operands = "",
        .purpose = "Read text aloud that the daemon sees, by espeak-ng.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    read.choice.translation = read.translation;
    if (!read.topic)
        read.topic = read.selected ? "text.selected" : "text";
    return read.recording ? read_recording(&read) : read_live(&read);
}
