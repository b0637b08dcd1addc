/*
 * Shared memory that stands for a dma-buf, where there is none: the linker lets fstatfs, ioctl and
 * poll of a test go by here first (--wrap). A memfd whose name has "dma-buf" in it is one.
 */
#ifndef TESTS_RUNTIME_DMA_BUF_H
#define TESTS_RUNTIME_DMA_BUF_H

#include <stdbool.h>
#include <stddef.h>

/* A new one, as a descriptor. */
int dma_buf_create(size_t bytes);

/* What happened to all of them. */
extern struct dma_buf_log {
    unsigned waits;           /* for devices */
    unsigned begun;           /* accesses by the host */
    int open;                 /* those that have not ended */
    unsigned open_for_writes; /* of all begun: with leave to write */
} dma_buf_log;

extern bool dma_buf_is_busy; /* some device never ends its work */

/* A dma-buf of the kernel's (/dev/udmabuf), or -1 where there is no such device. */
int dma_buf_create_true(size_t bytes);

#endif
