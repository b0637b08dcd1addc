/* UTF-8, character by character, of text that may be any bytes. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define BASE_UTF8_MOST 4       /* bytes of a character */
#define BASE_UTF8_BAD  0xfffdu /* what stands for a byte that is no character */

/* The character at the beginning of `size` > 0 bytes, and how many of them it takes: 1 and
 * BASE_UTF8_BAD for a byte that begins none (Unicode 15, table 3-7: no surrogates, nothing longer
 * than it need be). */
size_t base_utf8_next(const char *text, size_t size, uint32_t *code);

/* Append a character; 0 when its bytes do not fit into `room`, else how many they are. */
size_t base_utf8_put(uint32_t code, char *to, size_t room);

/* How much of a valid text fits into `room` bytes without cutting a character in two. */
size_t base_utf8_fit(const char *text, size_t size, size_t room);

/* Copy as much as fits with a NUL behind it into `room` > 0 bytes, and zeros up to their end. What
 * is no character becomes U+FFFD. Returns the bytes of the text. */
size_t base_utf8_copy(const char *text, size_t size, char *to, size_t room);

#endif
