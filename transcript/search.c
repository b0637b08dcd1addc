/* Why: the index's language of its own is no business of whoever looks for a word. */
#include "transcript/search.h"

#include "transcript/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char spaces[] = " \t\r\n\v\f";

/* A text in quotes is nothing but a text to FTS5. */
static char *quote(char *to, const char *word, size_t length)
{
    bool prefix = length > 1 && word[length - 1] == '*';
    while (length > 1 && word[length - 1] == '*')
        length--;
    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '"')
            *to++ = '"';
        *to++ = word[i];
    }
    *to++ = '"';
    if (prefix)
        *to++ = '*';
    *to++ = ' ';
    return to;
}

enum percept_status transcript_search_expression(const char *words,
                                                 char expression[TRANSCRIPT_EXPRESSION_BYTES],
                                                 struct percept_error *error)
{
    size_t count = 0;
    char *to = expression;
    if (strlen(words) >= TRANSCRIPT_SEARCH_BYTES)
        return percept_fail(error, PERCEPT_INVALID, "a search has at most %d bytes",
                            TRANSCRIPT_SEARCH_BYTES - 1);
    if (!transcript_text_valid(words))
        return percept_fail(error, PERCEPT_INVALID, "what is searched for is no UTF-8");
    for (const char *word = words + strspn(words, spaces); *word; count++) {
        if (count == TRANSCRIPT_SEARCH_WORDS)
            return percept_fail(error, PERCEPT_INVALID, "a search has at most %d words",
                                TRANSCRIPT_SEARCH_WORDS);
        size_t length = strcspn(word, spaces);
        to = quote(to, word, length);
        word += length;
        word += strspn(word, spaces);
    }
    if (count == 0)
        return percept_fail(error, PERCEPT_INVALID, "a search needs a word");
    *to = '\0';
    return PERCEPT_OK;
}
