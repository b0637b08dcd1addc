/*
 * A remote processor that cannot be relied on: percept-dsp until the run that DSP_LIE_AT counts,
 * then what DSP_LIE says.
 */
#include "backends/dsp/firmware/programs.h"
#include "backends/dsp/mailbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool lies(const char *lie)
{
    const char *wanted = getenv("DSP_LIE");
    return wanted && strcmp(wanted, lie) == 0;
}

/* What is said instead of the truth. */
static void lie(struct dsp_mailbox *mailbox, struct dsp_mailbox_end *end, struct dsp_reply *reply)
{
    size_t bytes = sizeof *reply;
    if (lies("die"))
        raise(SIGKILL);
    if (lies("hang"))
        raise(SIGSTOP);
    if (lies("close"))
        exit(EXIT_SUCCESS);
    if (lies("kind"))
        reply->kind = 77;
    if (lies("sequence"))
        reply->sequence += 5;
    if (lies("short"))
        bytes = 3;
    if (lies("refuse")) {
        reply->failed = 1;
        memset(reply->text, '\n', sizeof reply->text); /* and no end */
    }
    (void)dsp_mailbox_send(end, reply, bytes, NULL);
    if (lies("long"))
        mailbox->to_host.bytes = UINT32_MAX;
    if (lies("noise"))
        memset(mailbox, 0xa5, DSP_MAILBOX_BYTES);
}

int main(void)
{
    struct stat file;
    if (fstat(DSP_SHARED_FD, &file) < 0)
        return EXIT_FAILURE;
    struct dsp_mailbox *mailbox =
        mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, DSP_SHARED_FD, 0);
    struct dsp_processor processor = {
        .shared = (unsigned char *)mailbox + DSP_MAILBOX_BYTES,
        .shared_bytes = (size_t)file.st_size - DSP_MAILBOX_BYTES,
        .local = aligned_alloc(64, 2 << 20),
        .local_bytes = 2 << 20,
    };
    struct dsp_mailbox_end end = {
        .out = &mailbox->to_host, .in = &mailbox->to_dsp, .bell = DSP_BELL_FD};
    const char *at = getenv("DSP_LIE_AT");
    int runs = at ? atoi(at) : 1;
    for (;;) {
        struct dsp_request request;
        size_t bytes;
        if (dsp_mailbox_receive(&end, &request, sizeof request, &bytes, INT64_MAX, NULL))
            break;
        struct dsp_reply reply = {.kind = request.kind, .sequence = request.sequence};
        if (request.kind == DSP_HELLO) {
            reply.a = lies("version") ? 99 : DSP_VERSION;
            reply.b = lies("small") ? 1024 : processor.local_bytes;
        } else if (request.kind == DSP_LOAD) {
            reply.failed = dsp_load_program(&processor, request.a, request.b, &reply.a) != NULL;
        } else if (request.kind == DSP_UNLOAD) {
            (void)dsp_unload_program(&processor, request.a);
        } else if (--runs == 0) {
            lie(mailbox, &end, &reply);
            continue;
        } else {
            (void)dsp_run_program(&processor, request.a);
        }
        if (dsp_mailbox_send(&end, &reply, sizeof reply, NULL))
            break;
    }
    dsp_unload_all(&processor);
    free(processor.local);
    return EXIT_SUCCESS;
}
