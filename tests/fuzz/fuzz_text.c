/* Any bytes as a line of text, as a tokenizer and as a shortlist: what they say or an error, never
 * a crash, and in little time. The first byte says which. */
#include "pipelines/scan.h"
#include "pipelines/sentences.h"
#include "pipelines/shortlist.h"
#include "pipelines/unigram.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(const char *text, size_t size)
{
    static const char *const languages[] = {"", "en", "pt", "de", "zh"};
    struct percept_text_action actions[PERCEPT_TEXT_ACTIONS_MAX];
    size_t count = pipe_scan_actions(text, languages[size % 5], size % 2, 0, actions,
                                     PERCEPT_TEXT_ACTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        if (actions[i].begin >= actions[i].end || actions[i].end > strlen(text) ||
            (i > 0 && actions[i].begin < actions[i - 1].end) ||
            !memchr(actions[i].value, '\0', sizeof actions[i].value))
            abort();
    for (size_t at = 0, taken; at < size; at += taken) {
        taken = pipe_sentence_next(text + at, size - at, 1 + size % 250);
        if (taken == 0 || taken > size - at)
            abort();
    }
}

static void tokenizer(const char *text, size_t size)
{
    static struct pipe_unigram_work work;
    struct pipe_unigram *unigram;
    uint32_t tokens[64];
    size_t count;
    char back[64];
    if (pipe_unigram_open_text(text, size, "fuzz", &unigram, NULL) != PERCEPT_OK)
        return;
    if (pipe_unigram_encode(unigram, &work, text, size, tokens, 64, &count, NULL) == PERCEPT_OK)
        pipe_unigram_decode(unigram, tokens, count, back, sizeof back);
    pipe_unigram_close(unigram);
}

static void shortlist(const uint8_t *data, size_t size)
{
    static const uint32_t sentence[] = {0, 1, 2, 3, 77};
    struct pipe_shortlist *list;
    int64_t candidates[32];
    if (size < 1 || pipe_shortlist_open_bytes(data + 1, size - 1, "fuzz", data[0], &list, NULL))
        return;
    size_t count = pipe_shortlist_choose(list, sentence, 5, candidates, 32);
    for (size_t i = 0; i < count; i++)
        if (candidates[i] < 0 || candidates[i] >= data[0] ||
            (i > 0 && candidates[i] <= candidates[i - 1]))
            abort();
    pipe_shortlist_close(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = size ? malloc(size) : NULL; /* with a NUL instead of the first byte, at the end */
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == '{') {
        tokenizer((const char *)data, size);
    } else if (data[0] < 8) {
        shortlist(data, size);
    } else {
        line(text, strlen(text));
    }
    free(text);
    return 0;
}
