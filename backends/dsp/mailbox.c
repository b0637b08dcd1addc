/* Why: both processes of the process transport speak through the same few lines. */
#include "backends/dsp/mailbox.h"

#include "base/child.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum percept_status dsp_mailbox_send(struct dsp_mailbox_end *end, const void *message, size_t bytes,
                                     struct percept_error *error)
{
    if (bytes > DSP_MESSAGE_BYTES)
        return percept_fail(error, PERCEPT_INVALID, "a message of %zu bytes", bytes);
    memcpy(end->out->data, message, bytes);
    end->out->bytes = (uint32_t)bytes;
    atomic_store_explicit(&end->out->sequence, ++end->sent, memory_order_release);
    /* A doorbell that is full of rings has been rung. */
    if (send(end->bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        return percept_fail(error, PERCEPT_DISCONNECTED, "the remote processor is gone");
    return PERCEPT_OK;
}

/* Sleep until the bell rings. */
static enum percept_status wait_for_bell(const struct dsp_mailbox_end *end, int64_t deadline_ns,
                                         struct percept_error *error)
{
    char rings[64];
    if (!base_child_wait(end->bell, deadline_ns))
        return percept_fail(error, PERCEPT_TIMED_OUT, "the remote processor does not answer");
    ssize_t got = recv(end->bell, rings, sizeof rings, MSG_DONTWAIT);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return PERCEPT_OK;
    return percept_fail(error, PERCEPT_DISCONNECTED, "the remote processor is gone");
}

enum percept_status dsp_mailbox_receive(struct dsp_mailbox_end *end, void *message, size_t room,
                                        size_t *bytes, int64_t deadline_ns,
                                        struct percept_error *error)
{
    uint32_t sequence;
    while ((sequence = atomic_load_explicit(&end->in->sequence, memory_order_acquire)) ==
           end->seen) {
        enum percept_status status = wait_for_bell(end, deadline_ns, error);
        if (status != PERCEPT_OK)
            return status;
    }
    end->seen = sequence;
    /* Read once: the other side may change it at any time. */
    uint32_t stated = *(volatile const uint32_t *)&end->in->bytes;
    if (stated > room || stated > DSP_MESSAGE_BYTES)
        return percept_fail(error, PERCEPT_MALFORMED, "a message of %u bytes", stated);
    memcpy(message, end->in->data, stated);
    *bytes = stated;
    return PERCEPT_OK;
}
