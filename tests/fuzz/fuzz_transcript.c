/*
 * What clients search for, and what is said: the input is a text; before its first NUL is what is
 * searched for in a store of a few lines, after it what is kept and then searched for. Whatever
 * that is, a search is an answer or INVALID, what was kept is valid UTF-8, and the store is whole.
 *
 * Build with the preset "fuzz"; run: fuzz_transcript
 */
#include "transcript/search.h"
#include "transcript/store.h"
#include "transcript/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct transcript_store *store;
static uint64_t next;

static void add(const char *text)
{
    struct percept_error error;
    int64_t n = (int64_t)++next;
    const struct transcript_line line = {.topic = "captions",
                                         .utterance = next,
                                         .monotonic_ns = n,
                                         .begin_ns = n,
                                         .end_ns = n + 1,
                                         .version = 1,
                                         .language = "en",
                                         .text = text,
                                         .translation_language = "",
                                         .translation = text};
    if (transcript_store_add(store, &line, 1, &error) != PERCEPT_OK)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char folder[] = "/tmp/percept-fuzz-XXXXXX";
    char path[64];
    struct percept_error error;
    (void)argc;
    (void)argv;
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/transcript.db", folder);
    if (transcript_store_open(path, "boot", &store, &error) != PERCEPT_OK)
        abort();
    unlink(path); /* it goes with the process */
    add("Good morning, everybody");
    add("Bom dia a todos");
    return 0;
}

static void each(void *context, const struct transcript_line *line)
{
    if (!transcript_text_valid(line->text) || !transcript_text_valid(line->translation))
        abort();
    ++*(size_t *)context;
}

static enum percept_status search(const char *words, size_t *found)
{
    static const char *const topics[] = {"captions"};
    struct percept_error error;
    const struct transcript_wish wish = {
        .topics = topics, .topic_count = 1, .search = words, .limit = 10, .newest = next % 2};
    bool more;
    enum percept_status status = transcript_store_page(store, &wish, each, found, &more, &error);
    if (status != PERCEPT_OK && status != PERCEPT_INVALID)
        abort();
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[2048], text[512];
    size_t found = 0, length = strnlen((const char *)data, size);
    uint64_t erased = 0;
    struct percept_error error;
    if (length >= sizeof words)
        return 0;
    memcpy(words, data, length);
    words[length] = '\0';
    search(words, &found);
    if (size <= length + 1)
        return 0;
    transcript_text_copy(text, sizeof text, (const char *)data + length + 1, size - length - 1);
    if (!transcript_text_valid(text))
        abort();
    add(text);
    found = 0;
    search(text, &found);
    if (next % 64 == 0 && transcript_store_forget(store, 3, INT64_MAX, &erased, &error))
        abort();
    return 0;
}
