/* Why: three fixed patterns are what language models with byte-level BPE use; each is a small
 * scanner, and no regular expression engine has to be trusted with their Unicode classes. */
#include "pipelines/pretokenize.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* ---- characters ---- */

struct range {
    uint32_t first, last;
};
#include "pipelines/unicode_ranges.inc"

static bool inside(const struct range *ranges, size_t count, uint32_t code)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code < ranges[middle].first)
            high = middle;
        else if (code > ranges[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

enum kind { END, LETTER, NUMBER, SPACE, OTHER };

static enum kind kind_of(uint32_t code)
{
#define IN(list) inside(list, sizeof(list) / sizeof(list)[0], code)
    return IN(spaces) ? SPACE : IN(letters) ? LETTER : IN(numbers) ? NUMBER : OTHER;
#undef IN
}

struct character {
    enum kind kind;
    uint32_t code;
    size_t next; /* the byte after it */
};

static struct character look(const unsigned char *text, size_t at, size_t end)
{
    if (at >= end)
        return (struct character){.kind = END, .next = at};
    uint32_t code;
    size_t bytes = base_utf8_next((const char *)text + at, end - at, &code);
    return (struct character){kind_of(code), code, at + bytes};
}

/* The end of the run of one kind that begins at `at`; at most `most` characters. */
static size_t run(const unsigned char *text, size_t at, size_t end, enum kind kind, unsigned most)
{
    struct character c = look(text, at, end);
    while (most-- > 0 && c.kind == kind) {
        at = c.next;
        c = look(text, at, end);
    }
    return at;
}

static bool is_break(uint32_t code)
{
    return code == '\r' || code == '\n';
}

/* ---- parts of the patterns ---- */

static size_t contraction(const unsigned char *text, size_t at, size_t end, bool any_case)
{
    static const char *const words[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (text[at] != '\'')
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]), same = 0;
        while (same < length && at + 1 + same < end &&
               (text[at + 1 + same] | (any_case ? 0x20 : 0)) == words[i][same])
            same++;
        if (same == length)
            return at + 1 + length;
    }
    /* The one letter beside s that folds to it. */
    if (any_case && end - at >= 3 && text[at + 1] == 0xc5 && text[at + 2] == 0xbf)
        return at + 3;
    return 0;
}

/* \s+(?!\S)|\s+: white space, but its last character is left to a word that follows. */
static size_t white_space(const unsigned char *text, size_t at, size_t end)
{
    size_t last = at, next = look(text, at, end).next;
    for (struct character c = look(text, next, end); c.kind == SPACE; c = look(text, next, end)) {
        last = next;
        next = c.next;
    }
    return next == end || last == at ? next : last;
}

size_t pipe_cut_gpt2(const unsigned char *text, size_t at, size_t end)
{
    size_t cut = contraction(text, at, end, false);
    if (cut)
        return cut;
    struct character c = look(text, at, end);
    size_t start = at;
    if (c.code == ' ') {
        struct character after = look(text, c.next, end);
        if (after.kind == LETTER || after.kind == NUMBER || after.kind == OTHER) {
            start = c.next;
            c = after;
        }
    }
    return c.kind == SPACE ? white_space(text, at, end) : run(text, start, end, c.kind, UINT32_MAX);
}

/* \s*[\r\n]+: the place after the last line break of a run of white space; 0 when it has none. */
static size_t line_breaks(const unsigned char *text, size_t at, size_t end)
{
    size_t found = 0;
    for (struct character c = look(text, at, end); c.kind == SPACE; c = look(text, at, end)) {
        at = c.next;
        if (is_break(c.code))
            found = at;
    }
    return found;
}

static size_t cut_modern(const unsigned char *text, size_t at, size_t end, unsigned digits)
{
    size_t cut = contraction(text, at, end, true);
    if (cut)
        return cut;
    struct character c = look(text, at, end), after = look(text, c.next, end);
    if (c.kind == LETTER)
        return run(text, at, end, LETTER, UINT32_MAX);
    if (after.kind == LETTER && c.kind != NUMBER && !is_break(c.code))
        return run(text, c.next, end, LETTER, UINT32_MAX);
    if (c.kind == NUMBER)
        return run(text, at, end, NUMBER, digits);
    size_t start = c.code == ' ' && after.kind == OTHER ? c.next : at;
    if (c.kind == OTHER || start != at) {
        cut = run(text, start, end, OTHER, UINT32_MAX);
        while (cut < end && is_break(text[cut]))
            cut++;
        return cut;
    }
    cut = line_breaks(text, at, end);
    return cut ? cut : white_space(text, at, end);
}

size_t pipe_cut_llama3(const unsigned char *text, size_t at, size_t end)
{
    return cut_modern(text, at, end, 3);
}

size_t pipe_cut_qwen2(const unsigned char *text, size_t at, size_t end)
{
    return cut_modern(text, at, end, 1);
}

static size_t cut_numbers(const unsigned char *text, size_t at, size_t end, unsigned most)
{
    struct character c = look(text, at, end);
    if (c.kind == NUMBER)
        return run(text, at, end, NUMBER, most);
    while (c.kind != NUMBER && c.kind != END) {
        at = c.next;
        c = look(text, at, end);
    }
    return at;
}

size_t pipe_cut_digit(const unsigned char *text, size_t at, size_t end)
{
    return cut_numbers(text, at, end, 1);
}

size_t pipe_cut_digits(const unsigned char *text, size_t at, size_t end)
{
    return cut_numbers(text, at, end, UINT32_MAX);
}

pipe_cut pipe_cut_of_pattern(const char *pattern)
{
    static const struct {
        const char *pattern;
        pipe_cut cut;
    } known[] = {
        {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
         pipe_cut_gpt2},
        {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
         "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
         pipe_cut_llama3},
        {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
         "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
         pipe_cut_qwen2},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].pattern, pattern) == 0)
            return known[i].cut;
    return NULL;
}
