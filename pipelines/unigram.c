/*
 * Why: a translator knows pieces, not letters, and which pieces a word is cut into decides what it
 * understands. So the cuts have to be the ones that it was trained on, to the last one.
 *
 * The vocabulary is sorted, and a search narrows a range of it byte by byte: all pieces that begin
 * at a place are found in one walk, without a trie.
 */
#include "pipelines/unigram.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "pipelines/charsmap.h"
#include "pipelines/unigram_file.h"

#include <string.h>

#define MARK       "\u2581" /* stands for a space */
#define MARK_CODE  0x2581
#define MARK_BYTES (sizeof MARK - 1)

uint32_t pipe_unigram_size(const struct pipe_unigram *u)
{
    return u->count;
}

uint32_t pipe_unigram_unknown(const struct pipe_unigram *u)
{
    return u->unknown;
}

uint32_t pipe_unigram_find(const struct pipe_unigram *u, const char *piece)
{
    uint32_t id = 0;
    while (id < u->count && strcmp(u->pieces[id].text, piece) != 0)
        id++;
    return id;
}

/* ---- the text as the pieces were learned from ---- */

struct writer {
    char *text;
    size_t used;
    bool full, space; /* the last character was a space, which is a mark by now */
};

static void put(struct writer *w, const char *bytes, size_t size)
{
    if (size > PIPE_UNIGRAM_MAX_BYTES - w->used) {
        w->full = true;
        return;
    }
    memcpy(w->text + w->used, bytes, size);
    w->used += size;
}

static void put_all(struct writer *w, const char *bytes, size_t size)
{
    for (size_t at = 0, taken; at < size; at += taken) {
        uint32_t code;
        taken = base_utf8_next(bytes + at, size - at, &code);
        bool space = bytes[at] == ' ', first = w->used == MARK_BYTES && w->space;
        if (space && w->space)
            continue; /* one of several, or at the beginning, where there is a mark already */
        if (space)
            put(w, MARK, MARK_BYTES);
        else if (!first || code != MARK_CODE) /* a text that begins with a mark gets none */
            put(w, bytes + at, taken);
        w->space = space;
    }
}

/* Bytes of work->text, or 0 when there is nothing to cut; SIZE_MAX: too long. */
static size_t normalise(const struct pipe_unigram *u, struct pipe_unigram_work *work,
                        const char *text, size_t size)
{
    struct writer w = {.text = work->text, .space = true};
    put(&w, MARK, MARK_BYTES);
    for (size_t at = 0; at < size && !w.full;) {
        const char *to;
        size_t to_size, taken = pipe_charsmap_match(&u->map, text + at, size - at, &to, &to_size);
        if (!taken) {
            uint32_t code;
            taken = base_utf8_next(text + at, size - at, &code);
            bool bad = code == BASE_UTF8_BAD;
            to = bad ? "\ufffd" : text + at;
            to_size = bad ? strlen(to) : taken;
        }
        put_all(&w, to, to_size);
        at += taken;
    }
    return w.full ? SIZE_MAX : w.used - (w.space ? MARK_BYTES : 0);
}

/* ---- the most likely cuts ---- */

/* The first of sorted[low..high) whose byte at `depth` is at least `byte`; all are alike before it
 * and longer than depth, but for the first ones. */
static uint32_t first_from(const struct pipe_unigram *u, uint32_t low, uint32_t high, size_t depth,
                           int byte)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct pipe_sorted_piece *piece = &u->sorted[middle];
        int there = depth < piece->size ? (unsigned char)piece->text[depth] : -1;
        if (there < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void offer(struct pipe_unigram_work *work, size_t from, size_t to, uint32_t token,
                  double score)
{
    score += work->score[from];
    if (work->token[to] != UINT32_MAX && !(score > work->score[to]))
        return;
    work->score[to] = score;
    work->from[to] = (uint16_t)from;
    work->token[to] = token;
}

/* Offer all pieces that begin at a place; is one of them a single character? */
static bool offer_pieces(const struct pipe_unigram *u, struct pipe_unigram_work *work, size_t at,
                         size_t size, size_t character)
{
    uint32_t low = 0, high = u->sorted_count;
    bool single = false;
    for (size_t depth = 0; at + depth < size; depth++) {
        int byte = (unsigned char)work->text[at + depth];
        low = first_from(u, low, high, depth, byte);
        high = first_from(u, low, high, depth, byte + 1);
        if (low == high)
            break;
        const struct pipe_sorted_piece *piece = &u->sorted[low];
        if (piece->size != depth + 1)
            continue;
        offer(work, at, at + depth + 1, piece->token, u->pieces[piece->token].score);
        single |= depth + 1 == character;
    }
    return single;
}

/* No piece reaches from one word into the next, so each is cut by itself. */
static size_t word_end(const char *text, size_t at, size_t size)
{
    do
        at++;
    while (at + MARK_BYTES <= size && memcmp(text + at, MARK, MARK_BYTES) != 0);
    return at + MARK_BYTES <= size ? at : size;
}

static void cut_word(const struct pipe_unigram *u, struct pipe_unigram_work *work, size_t at,
                     size_t end)
{
    work->score[at] = 0;
    for (size_t character; at < end; at += character) {
        uint32_t code;
        character = base_utf8_next(work->text + at, end - at, &code);
        if (!offer_pieces(u, work, at, end, character))
            offer(work, at, at + character, u->unknown, u->unknown_score);
    }
}

enum percept_status pipe_unigram_encode(const struct pipe_unigram *u,
                                        struct pipe_unigram_work *work, const char *text,
                                        size_t size, uint32_t *tokens, size_t room, size_t *count,
                                        struct percept_error *error)
{
    size_t end = normalise(u, work, text, size);
    if (end == SIZE_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "a text of more than %d bytes",
                            PIPE_UNIGRAM_MAX_BYTES);
    memset(work->token, 0xff, sizeof work->token);
    for (size_t at = 0, word; at < end; at = word) {
        word = word_end(work->text, at, end);
        cut_word(u, work, at, word);
    }
    /* Backwards twice: to count, then to write. A run of unknown characters is one token. */
    size_t needed = 0;
    uint32_t later = UINT32_MAX;
    for (size_t at = end; at > 0; at = work->from[at]) {
        needed += work->token[at] != u->unknown || later != u->unknown;
        later = work->token[at];
    }
    if (needed > room)
        return percept_fail(error, PERCEPT_LIMIT, "a text of %zu tokens, more than %zu", needed,
                            room);
    *count = needed;
    later = UINT32_MAX;
    for (size_t at = end; at > 0; at = work->from[at]) {
        if (work->token[at] != u->unknown || later != u->unknown)
            tokens[--needed] = work->token[at];
        later = work->token[at];
    }
    return PERCEPT_OK;
}

/* ---- back ---- */

size_t pipe_unigram_decode(const struct pipe_unigram *u, const uint32_t *tokens, size_t count,
                           char *text, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] >= u->count || u->pieces[tokens[i]].control)
            continue;
        const struct pipe_piece *piece = &u->pieces[tokens[i]];
        for (size_t at = 0, taken; at < piece->size; at += taken) {
            uint32_t code;
            taken = base_utf8_next(piece->text + at, piece->size - at, &code);
            bool mark = code == MARK_CODE;
            if (mark && used == 0)
                continue;
            size_t bytes = mark ? 1 : taken;
            if (bytes > room - 1 - used)
                goto full;
            memcpy(text + used, mark ? " " : piece->text + at, bytes);
            used += bytes;
        }
    }
full:
    text[used] = '\0';
    return used;
}
