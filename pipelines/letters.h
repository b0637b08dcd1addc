/* Letters of the alphabets that have capitals: Latin up to U+017F, Greek and Cyrillic without rare
 * ones. Whatever else there is stays what it is, whatever the locale. */
#ifndef PIPELINES_LETTERS_H
#define PIPELINES_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t pipe_letter_lower(uint32_t code);
uint32_t pipe_letter_upper(uint32_t code);

/* Has the text two letters or more, and all of them capitals? */
bool pipe_letters_are_capitals(const char *text, size_t size);
/* The text with small letters but for the first; with capitals. Characters take as many bytes as
 * before, so `to` needs `size` of them; it may be text. */
void pipe_letters_lower(const char *text, size_t size, char *to);
void pipe_letters_upper(const char *text, size_t size, char *to);

#endif
