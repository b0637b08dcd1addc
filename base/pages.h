/*
 * Memory straight from the system, for what is large: zeroed, and on huge pages where they are
 * filled. Sizes are those that it was reserved with, in bytes.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

#define BASE_HUGE_PAGE ((size_t)2 << 20)

/* Addresses for that much, at least one byte; memory comes with the first use of each page. On a
 * border of huge pages when one fits. NULL with errno. */
void *base_pages_reserve(size_t bytes);
void base_pages_free(void *memory, size_t bytes); /* NULL is fine */

/* A wish: huge pages for as many as lie in [from, to) of the memory. */
void base_pages_wish_huge(void *memory, size_t from, size_t to);
/* [from, to) is about to be written, all of it: one call rather than a page fault for each page.
 * What was there stays. */
void base_pages_touch(void *memory, size_t from, size_t to);

#endif
