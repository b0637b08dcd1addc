/* The one remote processor that all segments of this process share: who holds it, what of the
 * shared memory is whose, and one request after the other. Thread-safe. */
#ifndef BACKENDS_DSP_LINK_H
#define BACKENDS_DSP_LINK_H

#include "backends/dsp/protocol.h"
#include "backends/dsp/transport.h"

#include <stdbool.h>

struct dsp_link;

/* NULL, or why there is no processor (static text). Does not start it. */
const char *dsp_link_absent(void);

/* Bytes of its own memory: what PERCEPT_DSP_MEMORY says, or 2 MiB. */
size_t dsp_link_memory(void);

/* The processor, started if it does not run. After a fault it is a new one. */
enum percept_status dsp_link_get(struct dsp_link **link, struct percept_error *error);
void dsp_link_release(struct dsp_link *link); /* NULL is fine; the last one stops it */

/* Whole pages of shared memory, zeroed; LIMIT when there are not as many. */
enum percept_status dsp_link_take(struct dsp_link *link, size_t bytes, size_t *offset,
                                  struct percept_error *error);
void dsp_link_return(struct dsp_link *link, size_t offset, size_t bytes);
void *dsp_link_at(const struct dsp_link *link, size_t offset);

/*
 * Ask, and wait for the answer. UNSUPPORTED when the processor refuses. TIMED_OUT, DISCONNECTED and
 * MALFORMED when it hangs, is gone or makes no sense: from then on it counts as lost, and whoever
 * asks again is told so.
 */
enum percept_status dsp_link_ask(struct dsp_link *link, enum dsp_request_kind kind, uint64_t a,
                                 uint64_t b, struct dsp_reply *reply, struct percept_error *error);

#endif
