#include "place.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char place[64], file[128];

void place_make(void)
{
    snprintf(place, sizeof place, "/tmp/percept-transcript-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place));
    snprintf(file, sizeof file, "%s/transcript.db", place);
}

void place_remove(void)
{
    DIR *folder = opendir(place);
    const struct dirent *entry;
    char name[512];
    while (folder && (entry = readdir(folder)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", place, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(name);
    }
    if (folder)
        closedir(folder);
    rmdir(place);
}

struct transcript_store *place_open(void)
{
    struct transcript_store *store;
    struct percept_error error;
    ck_assert_msg(transcript_store_open(file, "this boot", &store, &error) == PERCEPT_OK, "%s",
                  error.message);
    return store;
}

struct transcript_line place_line(uint64_t n, const char *text)
{
    return (struct transcript_line){.topic = "captions",
                                    .utterance = n,
                                    .monotonic_ns = (int64_t)n * SECOND,
                                    .boot_ns = (int64_t)n * SECOND + SECOND,
                                    .begin_ns = TODAY + (int64_t)n * SECOND,
                                    .end_ns = TODAY + (int64_t)n * SECOND + SECOND,
                                    .version = 1,
                                    .score = -0.5,
                                    .language = "en",
                                    .text = text,
                                    .translation_language = "",
                                    .translation = ""};
}

void place_add(struct transcript_store *store, uint64_t n, const char *text)
{
    struct percept_error error;
    struct transcript_line line = place_line(n, text);
    ck_assert_msg(transcript_store_add(store, &line, 1, &error) == PERCEPT_OK, "%s", error.message);
}

bool place_has(const char *bytes)
{
    static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
    bool found = false;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", file, suffixes[i]);
        FILE *stream = fopen(name, "rb");
        if (!stream)
            continue;
        static char content[64 << 20];
        size_t size = fread(content, 1, sizeof content, stream);
        ck_assert_uint_lt(size, sizeof content);
        found |= memmem(content, size, bytes, strlen(bytes)) != NULL;
        fclose(stream);
    }
    return found;
}

static void each(void *context, const struct transcript_line *line)
{
    struct place_page *page = context;
    page->ids[page->count++] = line->id;
    if (strlen(page->texts) + strlen(line->text) + 2 >= sizeof page->texts)
        return;
    if (page->texts[0])
        strcat(page->texts, "|");
    strcat(page->texts, line->text);
}

enum percept_status place_page(struct transcript_store *store, struct transcript_wish wish,
                               struct place_page *page, struct percept_error *error)
{
    static const char *const captions[] = {"captions"};
    *page = (struct place_page){0};
    if (!wish.topics) {
        wish.topics = captions;
        wish.topic_count = 1;
    }
    if (!wish.limit)
        wish.limit = TRANSCRIPT_PAGE_MAX;
    return transcript_store_page(store, &wish, each, page, &page->more, error);
}

const char *place_search(struct transcript_store *store, const char *search)
{
    static struct place_page page;
    struct percept_error error;
    ck_assert_msg(place_page(store, (struct transcript_wish){.search = search}, &page, &error) ==
                      PERCEPT_OK,
                  "%s: %s", search, error.message);
    return page.texts;
}
