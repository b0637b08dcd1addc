/* percept push: be what a pipeline hears. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "pipelines/audio_reader.h"
#include "pipelines/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* A daemon that takes nothing for so long: look whether we are to end. */
#define WAIT_NS (100 * BASE_NS_PER_MS)

struct push {
    const char *socket, *to, *path;
    unsigned long rate, channels; /* of standard input */
    bool json;
    struct percept_push *stream;
    uint64_t frames; /* pushed */
    int64_t begin_ns;
};

/* All of it, however long that takes. CANCELLED: the user wants no more. */
static enum percept_status push_all(struct push *p, const char *frames, size_t count,
                                    size_t frame_bytes, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    while (count && (status == PERCEPT_OK || status == PERCEPT_TIMED_OUT)) {
        size_t pushed;
        if (cli_interrupted())
            return PERCEPT_CANCELLED;
        status = percept_push(p->stream, frames, count, 0, WAIT_NS, &pushed, error);
        frames += pushed * frame_bytes;
        count -= pushed;
        p->frames += pushed;
    }
    return status;
}

/* Until so much of a file has been spoken. */
static enum percept_status wait_until_spoken(const struct push *p)
{
    int64_t due_ns = p->begin_ns + (int64_t)(p->frames * BASE_NS_PER_S / PIPE_AUDIO_RATE);
    int64_t left_ns = due_ns - base_clock_ns();
    if (left_ns > 0)
        poll(NULL, 0, (int)(left_ns / BASE_NS_PER_MS));
    return cli_interrupted() ? PERCEPT_CANCELLED : PERCEPT_OK;
}

static enum percept_status push_file(struct push *p, struct pipe_audio_reader *reader,
                                     struct percept_error *error)
{
    float samples[PIPE_AUDIO_SAMPLES];
    size_t count;
    enum percept_status status;
    p->begin_ns = base_clock_ns();
    while ((status = pipe_audio_read(reader, samples, PIPE_AUDIO_SAMPLES, &count, error)) ==
           PERCEPT_OK) {
        status = push_all(p, (const char *)samples, count, sizeof samples[0], error);
        if (status == PERCEPT_OK)
            status = wait_until_spoken(p);
        if (status != PERCEPT_OK)
            break;
    }
    return status == PERCEPT_END ? PERCEPT_OK : status;
}

/* As it comes. */
static enum percept_status push_input(struct push *p, struct percept_error *error)
{
    char bytes[8192];
    size_t frame_bytes = p->channels * 2, kept = 0;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, bytes + kept, sizeof bytes - kept);
        if (cli_interrupted())
            return PERCEPT_CANCELLED;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return percept_fail_errno(error, errno, "standard input");
        if (got == 0)
            return PERCEPT_OK;
        size_t have = kept + (size_t)got, count = have / frame_bytes;
        enum percept_status status = push_all(p, bytes, count, frame_bytes, error);
        if (status != PERCEPT_OK)
            return status;
        kept = have - count * frame_bytes;
        memmove(bytes, bytes + count * frame_bytes, kept);
    }
}

static int finish(struct push *p, enum percept_status status, const struct percept_error *error)
{
    double seconds = (double)p->frames / (double)p->rate;
    percept_push_close(p->stream);
    if (status != PERCEPT_OK && status != PERCEPT_CANCELLED)
        return cli_fail(status == PERCEPT_MALFORMED ? CLI_INPUT : CLI_FAILURE, error);
    if (p->json)
        cli_print_json(json_pack("{s:s, s:f}", "to", p->to, "seconds", seconds), true);
    else
        printf("%.1f s pushed to %s\n", seconds, p->to);
    return CLI_OK;
}

static int push(struct push *p)
{
    struct percept_error error = {0};
    struct percept_client *client;
    struct pipe_audio_reader *reader = NULL;
    const struct percept_sound sound = {
        .rate = p->rate < UINT32_MAX ? (uint32_t)p->rate : UINT32_MAX,
        .channels = p->channels < UINT32_MAX ? (uint32_t)p->channels : UINT32_MAX,
        .dtype = p->path ? PERCEPT_FLOAT32 : PERCEPT_INT16,
    };
    if (p->path) {
        int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        enum percept_status status = fd < 0 ? percept_fail_errno(&error, errno, "%s", p->path)
                                            : pipe_audio_open(fd, &reader, &error);
        if (status != PERCEPT_OK) {
            percept_fail_at(&error, error.status, p->path, 0, 0, "%s", error.message);
            return cli_fail(CLI_INPUT, &error);
        }
    }
    int code = cli_connect(p->socket, &client);
    if (code == CLI_OK) {
        cli_catch_interrupts();
        percept_on_connection(client, cli_tell_connection, NULL);
        enum percept_status status = percept_push_open(client, p->to, &sound, &p->stream, &error);
        if (status == PERCEPT_OK)
            status = reader ? push_file(p, reader, &error) : push_input(p, &error);
        code = finish(p, status, &error);
        percept_disconnect(client);
    }
    pipe_audio_close(reader);
    return code;
}

int cli_push(int argc, char **argv)
{
    struct push p = {0};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&p.socket),
        {"to", "PIPELINE", "with a source audio_stream", BASE_OPTION_TEXT, &p.to},
        {"rate", "N", "of standard input: frames a second (16000)", BASE_OPTION_COUNT, &p.rate},
        {"channels", "N", "of standard input (1)", BASE_OPTION_COUNT, &p.channels},
        CLI_OPTION_JSON(&p.json),
    };
    const struct base_usage usage = {
        .program = "percept push",
        .operands = "FILE|-",
        .purpose = "Let a pipeline hear a recording as it was spoken, or 16-bit samples from "
                   "standard input as they come.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!p.to)
        return cli_misuse(&usage, "--to is missing: the pipeline that shall hear it");
    p.path = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
    if (p.path && (p.rate || p.channels))
        return cli_misuse(&usage,
                          "--rate and --channels are of standard input; a file says its own");
    p.rate = p.rate ? p.rate : PIPE_AUDIO_RATE;
    p.channels = p.channels ? p.channels : 1;
    return push(&p);
}
