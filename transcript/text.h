/* Texts from outside, made fit to be kept and shown. */
#ifndef TRANSCRIPT_TEXT_H
#define TRANSCRIPT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Is it UTF-8 (RFC 3629: no surrogates, nothing overlong)? */
bool transcript_text_valid(const char *text);

/*
 * Copy a text of at most `most` bytes, which may lack its NUL: what is no UTF-8 becomes U+FFFD, and
 * control characters become spaces. to has `size` bytes; what does not fit is cut between two
 * characters. Returns its bytes.
 */
size_t transcript_text_copy(char *to, size_t size, const char *from, size_t most);

#endif
