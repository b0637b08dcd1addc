/* Why: page faults are most of what it costs to fill fresh memory, and a huge page takes one. */
#include "base/pages.h"

#include "base/checked.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *base_pages_reserve(size_t bytes)
{
    size_t page = page_size(), slack = bytes >= BASE_HUGE_PAGE ? BASE_HUGE_PAGE : 0, reserved;
    if (!base_align_size(bytes ? bytes : 1, page, &bytes) ||
        !base_add_size(bytes, slack, &reserved)) {
        errno = ENOMEM;
        return NULL;
    }
    unsigned char *memory =
        mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* What lies around goes back. */
    size_t before = slack ? (slack - (uintptr_t)memory % slack) % slack : 0;
    if (before)
        munmap(memory, before);
    if (before < slack)
        munmap(memory + before + bytes, slack - before);
    return memory + before;
}

void base_pages_free(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes ? bytes : 1);
}

void base_pages_wish_huge(void *memory, size_t from, size_t to)
{
    size_t first;
    if (!base_align_size(from, BASE_HUGE_PAGE, &first))
        return;
    to = to / BASE_HUGE_PAGE * BASE_HUGE_PAGE;
    if (first < to)
        (void)madvise((unsigned char *)memory + first, to - first, MADV_HUGEPAGE);
}

void base_pages_touch(void *memory, size_t from, size_t to)
{
    size_t page = page_size();
    from = from / page * page;
    if (from >= to)
        return;
#ifdef MADV_POPULATE_WRITE
    if (madvise((unsigned char *)memory + from, to - from, MADV_POPULATE_WRITE) == 0)
        return;
#endif
    for (volatile unsigned char *at = (unsigned char *)memory + from;
         at < (unsigned char *)memory + to; at += page)
        *at = *at;
}
