/* What a person searches for, as the index wants to be asked. */
#ifndef TRANSCRIPT_SEARCH_H
#define TRANSCRIPT_SEARCH_H

#include "base/status.h"

#define TRANSCRIPT_SEARCH_BYTES 512 /* of a search, with its NUL */
#define TRANSCRIPT_SEARCH_WORDS 32

/* Room for the expression of any search: each byte doubled, and quotes, star and space a word. */
#define TRANSCRIPT_EXPRESSION_BYTES (2 * TRANSCRIPT_SEARCH_BYTES + 4 * TRANSCRIPT_SEARCH_WORDS)

/*
 * Words with spaces between them; all of them are to be there, in any order, whatever their case
 * and accents. A * at the end of a word stands for any further letters. Nothing else means
 * anything: what FTS5 has for operators are words, too. INVALID: no word, too many or too long, no
 * UTF-8.
 */
enum percept_status transcript_search_expression(const char *words,
                                                 char expression[TRANSCRIPT_EXPRESSION_BYTES],
                                                 struct percept_error *error);

#endif
