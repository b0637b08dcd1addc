/* A store in a folder of its own, for tests. */
#ifndef TESTS_TRANSCRIPT_PLACE_H
#define TESTS_TRANSCRIPT_PLACE_H

#include "transcript/store.h"

#include <stdbool.h>

#define SECOND 1000000000LL
#define TODAY  (1780000000LL * SECOND) /* about when lines are of, CLOCK_REALTIME */

extern char place[64], file[128]; /* the folder; the store's file */

void place_make(void);
void place_remove(void);

/* Open or fail the test. */
struct transcript_store *place_open(void);

/* The nth line, a second long, of topic "captions": it says `text`. */
struct transcript_line place_line(uint64_t n, const char *text);
void place_add(struct transcript_store *store, uint64_t n, const char *text);

/* Are these bytes in the file or in its log? */
bool place_has(const char *bytes);

/* What a page has: ids in order, and the texts joined by '|'. */
struct place_page {
    size_t count;
    bool more;
    uint64_t ids[TRANSCRIPT_PAGE_MAX];
    char texts[65536];
};
/* All lines but for what the wish says; topic "captions", limit 500 when there is none. */
enum percept_status place_page(struct transcript_store *store, struct transcript_wish wish,
                               struct place_page *page, struct percept_error *error);
/* The texts of all that fits a search. */
const char *place_search(struct transcript_store *store, const char *search);

#endif
