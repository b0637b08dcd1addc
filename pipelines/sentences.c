#include "pipelines/sentences.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* After these a full stop ends nothing, in the languages that translators are at hand for. */
static const char *const abbreviations[] = {
    "mr",  "mrs", "ms",  "dr",  "dra",  "prof", "profa", "sr",  "sra",  "srta",
    "st",  "jr",  "nr",  "av",  "vs",   "etc",  "e.g",   "i.e", "p.ex", "fig",
    "tel", "cia", "inc", "ltd", "ltda", "dep",  "jan",   "fev", "feb",  "abr",
    "apr", "jun", "jul", "aug", "sept", "oct",  "nov",   "dez", "dec",  "approx",
};

static bool is_space(uint32_t code)
{
    return code == ' ' || code == '\t' || code == 0xa0 || code == 0x3000;
}

static bool closes(uint32_t code)
{
    return code == '"' || code == '\'' || code == ')' || code == ']' || code == 0xbb ||
           code == 0x2019 || code == 0x201d;
}

static bool ends(uint32_t code)
{
    return code == '.' || code == '!' || code == '?' || code == 0x2026;
}

static bool ends_without_space(uint32_t code)
{
    return code == 0x3002 || code == 0xff01 || code == 0xff1f;
}

/* No small letter of ASCII or Latin-1; what is beyond these is not looked at. */
static bool can_begin(uint32_t code)
{
    return !(code >= 'a' && code <= 'z') && !(code >= 0xdf && code <= 0xff) && code != ',' &&
           code != ';';
}

/* Is the word that ends at `end`, where a full stop is, one that a full stop belongs to? */
static bool is_abbreviated(const char *text, size_t end)
{
    size_t begin = end;
    while (begin > 0 && !strchr(" \t\n(\"'", text[begin - 1]))
        begin--;
    size_t size = end - begin;
    if (size == 1)
        return text[begin] >= 'A' && text[begin] <= 'Z'; /* an initial */
    for (size_t i = 0; i < sizeof abbreviations / sizeof abbreviations[0]; i++)
        if (strlen(abbreviations[i]) == size &&
            strncasecmp(text + begin, abbreviations[i], size) == 0)
            return true;
    return false;
}

static size_t skip_spaces(const char *text, size_t size, size_t at)
{
    uint32_t code;
    for (size_t taken; at < size; at += taken) {
        taken = base_utf8_next(text + at, size - at, &code);
        if (!is_space(code) && code != '\n')
            break;
    }
    return at;
}

/* Where the sentence ends whose end mark is at `at`; 0 when it goes on. */
static size_t end_at(const char *text, size_t size, size_t at)
{
    uint32_t code, first;
    size_t behind = at, taken = base_utf8_next(text + at, size - at, &first);
    bool alone = true, spaceless = ends_without_space(first);
    for (behind += taken; behind < size; behind += taken) {
        taken = base_utf8_next(text + behind, size - behind, &code);
        if (!ends(code) && !ends_without_space(code) && !closes(code))
            break;
        alone = false;
    }
    if (first == '.' && alone && is_abbreviated(text, at))
        return 0;
    size_t next = skip_spaces(text, size, behind);
    if (next == size || spaceless)
        return next;
    (void)base_utf8_next(text + next, size - next, &code);
    return next > behind && can_begin(code) ? next : 0;
}

/* The longest beginning of at most `most` bytes that is cut where a space is, or anywhere. */
static size_t cut(const char *text, size_t size, size_t most)
{
    size_t end = base_utf8_fit(text, size, most), at = end;
    while (at > 0 && text[at - 1] != ' ')
        at--;
    if (at > 0)
        return at;
    return end > 0 ? end : 1; /* a character that is longer than `most`: no text is that unlucky */
}

size_t pipe_sentence_next(const char *text, size_t size, size_t most)
{
    uint32_t code;
    size_t end = 0;
    for (size_t at = 0, taken; at < size && !end; at += taken) {
        taken = base_utf8_next(text + at, size - at, &code);
        if (code == '\n')
            end = skip_spaces(text, size, at);
        else if (ends(code) || ends_without_space(code))
            end = end_at(text, size, at);
        if (at + taken > most && !end)
            break;
    }
    if (!end)
        end = size;
    return end <= most ? end : cut(text, size, most);
}
