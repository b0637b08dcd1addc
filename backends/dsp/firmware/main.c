/*
 * percept-dsp: the firmware of a remote processor, as a process. It computes in integers alone, in
 * memory of its own of a stated size, and does what its mailbox asks of it.
 *
 * The backend starts it, with the memory that both share as descriptor 3 and the doorbell as 4; it
 * ends when the doorbell's other end is closed.
 */
#include "backends/dsp/firmware/programs.h"
#include "backends/dsp/mailbox.h"
#include "base/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The least that is of any use; the most that anybody has. */
enum { LEAST_MEMORY = 4 << 10, MOST_MEMORY = 256 << 20, DEFAULT_MEMORY = 2 << 20 };

static const char *answer(struct dsp_processor *processor, const struct dsp_request *request,
                          struct dsp_reply *reply)
{
    switch (request->kind) {
    case DSP_HELLO:
        reply->a = DSP_VERSION;
        reply->b = processor->local_bytes;
        return NULL;
    case DSP_LOAD:
        return dsp_load_program(processor, request->a, request->b, &reply->a);
    case DSP_RUN:
        return dsp_run_program(processor, request->a);
    case DSP_UNLOAD:
        return dsp_unload_program(processor, request->a);
    default:
        return "there is no such request";
    }
}

/* Until the host is gone. */
static enum percept_status serve(struct dsp_processor *processor, struct dsp_mailbox_end *end)
{
    for (;;) {
        struct dsp_request request = {0};
        size_t bytes = 0;
        enum percept_status status =
            dsp_mailbox_receive(end, &request, sizeof request, &bytes, INT64_MAX, NULL);
        if (status != PERCEPT_OK && status != PERCEPT_MALFORMED)
            return status;
        struct dsp_reply reply = {.kind = request.kind, .sequence = request.sequence};
        const char *wrong = bytes == sizeof request ? answer(processor, &request, &reply)
                                                    : "a request is not as long as requests are";
        reply.failed = wrong != NULL;
        snprintf(reply.text, sizeof reply.text, "%s", wrong ? wrong : "");
        status = dsp_mailbox_send(end, &reply, sizeof reply, NULL);
        if (status != PERCEPT_OK)
            return status;
    }
}

static int run(size_t memory)
{
    struct stat file;
    if (fstat(DSP_SHARED_FD, &file) < 0 || file.st_size <= DSP_MAILBOX_BYTES) {
        fprintf(stderr, "percept-dsp: the dsp backend starts this program; there is nothing for "
                        "anybody else to do with it\n");
        return EXIT_FAILURE;
    }
    struct dsp_mailbox *mailbox =
        mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, DSP_SHARED_FD, 0);
    struct dsp_processor processor = {.local = aligned_alloc(64, memory), .local_bytes = memory};
    if (mailbox == MAP_FAILED || !processor.local) {
        fprintf(stderr, "percept-dsp: no memory\n");
        return EXIT_FAILURE;
    }
    processor.shared = (unsigned char *)mailbox + DSP_MAILBOX_BYTES;
    processor.shared_bytes = (size_t)file.st_size - DSP_MAILBOX_BYTES;
    struct dsp_mailbox_end end = {
        .out = &mailbox->to_host, .in = &mailbox->to_dsp, .bell = DSP_BELL_FD};
    enum percept_status status = serve(&processor, &end);
    dsp_unload_all(&processor);
    free(processor.local);
    munmap(mailbox, (size_t)file.st_size);
    return status == PERCEPT_DISCONNECTED ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    unsigned long memory = DEFAULT_MEMORY;
    bool shown;
    int operands;
    const struct base_option options[] = {
        {"memory", "BYTES", "of its own memory; default: 2097152", BASE_OPTION_COUNT, &memory},
    };
    const struct base_usage usage = {
        .program = "percept-dsp",
        .operands = "",
        .purpose = "Run integer graphs as a remote processor; the dsp backend starts it.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .release = PERCEPT_RELEASE,
    };
    struct percept_error error = {0};
    enum percept_status status = base_options_parse(&usage, argc, argv, &operands, &shown, &error);
    if (status == PERCEPT_OK && shown)
        return EXIT_SUCCESS;
    if (status == PERCEPT_OK && (memory < LEAST_MEMORY || memory > MOST_MEMORY))
        status = percept_fail(&error, PERCEPT_INVALID, "--memory is %d to %d", LEAST_MEMORY,
                              MOST_MEMORY);
    if (status != PERCEPT_OK) {
        fprintf(stderr, "percept-dsp: %s\n", error.message);
        return 2;
    }
    return run((memory + 63) & ~(size_t)63);
}
