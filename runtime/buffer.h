/*
 * Memory that is not a model's: a camera's frame, or a result that another process or device takes.
 * Bound to an input or output (prt_model_bind_input, prt.h), a model reads or writes it where it
 * lies; where its device cannot, the bytes are copied, and the results are the same.
 *
 * Any thread may use a buffer, and several models may have it bound, as long as nobody writes bytes
 * that another one uses at the time. Destroy it after the models that have it bound were bound to
 * something else or destroyed.
 */
#ifndef RUNTIME_BUFFER_H
#define RUNTIME_BUFFER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct prt_backend; /* runtime/backend.h */
struct prt_buffer;

/*
 * The first `bytes` of a dma-buf or of shared memory (a memfd); 0: all of it. The descriptor stays
 * the caller's and may be closed after; the buffer has one of its own. Shared memory must not
 * become shorter, for then whoever reads it is killed: it is sealed against that here, so a memfd
 * needs MFD_ALLOW_SEALING unless whoever made it has sealed it. What may be read only can be bound
 * to inputs only.
 *
 * INVALID when the descriptor is of another kind, shorter than that or empty, or could become
 * shorter; the system's error when it is not open, and when the host cannot map it, which it must
 * for models to go on without their device.
 */
enum percept_status prt_buffer_import(int fd, size_t bytes, struct prt_buffer **buffer,
                                      struct percept_error *error);

/* Memory of this process, which stays the caller's and must outlive the buffer. */
enum percept_status prt_buffer_wrap(void *memory, size_t bytes, struct prt_buffer **buffer,
                                    struct percept_error *error);

/*
 * New memory, zeroed, that others can have: a dma-buf of the backend's device, if there is one and
 * its driver makes such; else a memfd. backend may be NULL.
 */
enum percept_status prt_buffer_create(const struct prt_backend *backend, size_t bytes,
                                      struct prt_buffer **buffer, struct percept_error *error);

/* A descriptor of its memory for another process or device, the caller's to close: what import
 * takes. It may outlive the buffer. UNSUPPORTED for memory that was wrapped. */
enum percept_status prt_buffer_export(const struct prt_buffer *buffer, int *fd,
                                      struct percept_error *error);

void prt_buffer_destroy(struct prt_buffer *buffer); /* NULL is fine */

/* Where the host sees it. Only between begin and end are its bytes those that devices see. */
void *prt_buffer_data(const struct prt_buffer *buffer);
size_t prt_buffer_bytes(const struct prt_buffer *buffer);
bool prt_buffer_is_dma_buf(const struct prt_buffer *buffer);

/*
 * Around what the host reads or writes of the buffer; every begin has its end, with the same
 * `writes`. Of a dma-buf, begin waits until the devices that still write it (or use it, when the
 * host is to write) are done, TIMED_OUT after two seconds, and both keep the caches of the two
 * sides the same (DMA_BUF_IOCTL_SYNC). Other memory needs neither, and then they do nothing. A run
 * does this by itself for what is bound, and returns when its device is done, so that nobody need
 * wait for a result.
 */
enum percept_status prt_buffer_begin(const struct prt_buffer *buffer, bool writes,
                                     struct percept_error *error);
enum percept_status prt_buffer_end(const struct prt_buffer *buffer, bool writes,
                                   struct percept_error *error);

/* ---- for the runtime ---- */

/* The first half of begin: the wait alone, before a device is to use it. */
enum percept_status prt_buffer_wait(const struct prt_buffer *buffer, bool writes,
                                    struct percept_error *error);
bool prt_buffer_is_read_only(const struct prt_buffer *buffer);
/* Does the backend's device use it where it lies? It is asked to, if it was not before. */
bool prt_buffer_offer(struct prt_buffer *buffer, const struct prt_backend *backend);

#endif
