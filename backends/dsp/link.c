/* Why: a processor's memory is one, and so are its mailbox and its life; segments come and go. */
#include "backends/dsp/link.h"

#include "base/clock.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, DEFAULT_MEMORY = 2 << 20, DEFAULT_DEADLINE_MS = 2000 };

struct dsp_link {
    struct dsp_transport *transport;
    unsigned holders;     /* under `links` */
    pthread_mutex_t lock; /* all below: one request at a time */
    bool lost;
    struct percept_error why; /* when lost */
    uint32_t sequence;
    size_t pages;
    unsigned char *taken; /* by page */
};

/* The part that changes when this runs on hardware. */
static const struct dsp_transport_class *const transport_class = &dsp_process;

static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;
static struct dsp_link *current; /* under `links`: the one that is given out; NULL for none */

const char *dsp_link_absent(void)
{
    return transport_class->absent();
}

/* A whole number from the environment, or the fallback if that says nothing of sense. */
static size_t setting(const char *name, size_t least, size_t most, size_t fallback)
{
    const char *text = getenv(name);
    char *end;
    unsigned long value = text ? strtoul(text, &end, 10) : 0;
    return text && end != text && *end == '\0' && value >= least && value <= most ? value
                                                                                  : fallback;
}

size_t dsp_link_memory(void)
{
    return setting("PERCEPT_DSP_MEMORY", 4 << 10, 256 << 20, DEFAULT_MEMORY);
}

/* ---- asking ---- */

/* Under the lock. Whatever it says from now on, nobody listens. */
static enum percept_status lose(struct dsp_link *link, enum percept_status status,
                                struct percept_error *error)
{
    link->lost = true;
    link->why.status = status;
    if (error)
        *error = link->why;
    return status;
}

/* The answer was copied once; is it one to this request? */
static enum percept_status check(const struct dsp_request *request, struct dsp_reply *reply,
                                 size_t bytes, struct percept_error *error)
{
    if (bytes != sizeof *reply || reply->kind != request->kind ||
        reply->sequence != request->sequence || reply->failed > 1)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "dsp: the remote processor's answer makes no sense");
    reply->text[DSP_TEXT - 1] = '\0';
    for (char *c = reply->text; *c; c++)
        *c = (char)(*c < ' ' || *c > '~' ? '?' : *c);
    return PERCEPT_OK;
}

static enum percept_status exchange(struct dsp_link *link, struct dsp_request *request,
                                    struct dsp_reply *reply, struct percept_error *error)
{
    struct dsp_transport *transport = link->transport;
    struct percept_error cause = {0};
    int64_t patience_ms =
        (int64_t)setting("PERCEPT_DSP_DEADLINE_MS", 1, 3600000, DEFAULT_DEADLINE_MS);
    int64_t deadline = base_clock_ns() + patience_ms * BASE_NS_PER_MS;
    size_t bytes = 0;
    request->sequence = ++link->sequence;
    enum percept_status status =
        transport->class->send(transport, request, sizeof *request, &cause);
    if (status == PERCEPT_OK)
        status =
            transport->class->receive(transport, reply, sizeof *reply, &bytes, deadline, &cause);
    if (status == PERCEPT_TIMED_OUT)
        return percept_fail(error, status, "dsp: the remote processor did not answer in %lld ms",
                            (long long)patience_ms);
    if (status != PERCEPT_OK)
        return percept_fail(error, status, "dsp: %s", cause.message);
    return check(request, reply, bytes, error);
}

enum percept_status dsp_link_ask(struct dsp_link *link, enum dsp_request_kind kind, uint64_t a,
                                 uint64_t b, struct dsp_reply *reply, struct percept_error *error)
{
    struct dsp_request request = {.kind = kind, .a = a, .b = b};
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&link->lock);
    if (link->lost)
        status = lose(link, link->why.status, error);
    else if ((status = exchange(link, &request, reply, &link->why)) != PERCEPT_OK)
        status = lose(link, status, error);
    pthread_mutex_unlock(&link->lock);
    if (status == PERCEPT_OK && reply->failed)
        status = percept_fail(error, PERCEPT_UNSUPPORTED, "dsp: the remote processor refuses: %s",
                              reply->text);
    return status;
}

/* ---- holding ---- */

static void destroy(struct dsp_link *link)
{
    if (!link)
        return;
    if (link->transport)
        link->transport->class->close(link->transport);
    pthread_mutex_destroy(&link->lock);
    free(link->taken);
    free(link);
}

static enum percept_status greet(struct dsp_link *link, struct percept_error *error)
{
    struct dsp_reply reply;
    enum percept_status status = dsp_link_ask(link, DSP_HELLO, DSP_VERSION, 0, &reply, error);
    if (status == PERCEPT_OK && reply.a != DSP_VERSION)
        status = percept_fail(error, PERCEPT_VERSION,
                              "dsp: the firmware speaks version %llu, this backend %d",
                              (unsigned long long)reply.a, DSP_VERSION);
    if (status == PERCEPT_OK && reply.b < dsp_link_memory())
        status = percept_fail(error, PERCEPT_LIMIT,
                              "dsp: the processor has %llu bytes of memory, not %zu",
                              (unsigned long long)reply.b, dsp_link_memory());
    return status;
}

static enum percept_status open_link(struct dsp_link **out, struct percept_error *error)
{
    struct percept_error cause = {0};
    struct dsp_link *link = calloc(1, sizeof *link);
    if (!link)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a link");
    pthread_mutex_init(&link->lock, NULL);
    enum percept_status status = transport_class->open(dsp_link_memory(), &link->transport, &cause);
    if (status != PERCEPT_OK) {
        destroy(link);
        return percept_fail(error, status, "dsp: %s", cause.message);
    }
    link->pages = link->transport->shared_bytes / PAGE;
    link->taken = calloc(link->pages, 1);
    status = link->taken ? greet(link, error)
                         : percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a link");
    if (status != PERCEPT_OK) {
        destroy(link);
        return status;
    }
    *out = link;
    return PERCEPT_OK;
}

static bool is_lost(struct dsp_link *link)
{
    pthread_mutex_lock(&link->lock);
    bool lost = link->lost;
    pthread_mutex_unlock(&link->lock);
    return lost;
}

enum percept_status dsp_link_get(struct dsp_link **link, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&links);
    if (current && is_lost(current))
        current = NULL; /* goes when its last holder lets go */
    if (!current)
        status = open_link(&current, error);
    if (status == PERCEPT_OK) {
        current->holders++;
        *link = current;
    }
    pthread_mutex_unlock(&links);
    return status;
}

void dsp_link_release(struct dsp_link *link)
{
    if (!link)
        return;
    pthread_mutex_lock(&links);
    bool last = --link->holders == 0;
    if (last && current == link)
        current = NULL;
    pthread_mutex_unlock(&links);
    if (last)
        destroy(link);
}

/* ---- shared memory ---- */

static size_t pages_of(size_t bytes)
{
    return bytes / PAGE + (bytes % PAGE != 0);
}

void *dsp_link_at(const struct dsp_link *link, size_t offset)
{
    return (unsigned char *)link->transport->shared + offset;
}

enum percept_status dsp_link_take(struct dsp_link *link, size_t bytes, size_t *offset,
                                  struct percept_error *error)
{
    size_t wanted = pages_of(bytes), run = 0, page = 0;
    pthread_mutex_lock(&link->lock);
    for (; page < link->pages && run < wanted; page++)
        run = link->taken[page] ? 0 : run + 1;
    bool found = run == wanted;
    if (found)
        memset(link->taken + page - run, 1, run);
    pthread_mutex_unlock(&link->lock);
    if (!found)
        return percept_fail(error, PERCEPT_LIMIT,
                            "dsp: %zu bytes are not free in the %zu of shared memory", bytes,
                            link->transport->shared_bytes);
    *offset = (page - run) * PAGE;
    return PERCEPT_OK;
}

void dsp_link_return(struct dsp_link *link, size_t offset, size_t bytes)
{
    size_t pages = pages_of(bytes);
    pthread_mutex_lock(&link->lock);
    memset(link->taken + offset / PAGE, 0, pages);
    if (pages)
        link->transport->class->forget(link->transport, offset, pages * PAGE);
    pthread_mutex_unlock(&link->lock);
}
