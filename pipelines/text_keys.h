/*
 * The characters that a recognition net knows, and the reading of what it says.
 *
 * A file of keys has one character (or more than one, if a class of the net stands for them) a
 * line, in the order of the net's classes: class 0 is the blank of CTC, class i the i-th line, and
 * the class after the last line a space, which no file can show.
 */
#ifndef PIPELINES_TEXT_KEYS_H
#define PIPELINES_TEXT_KEYS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct pipe_text_keys;
struct signing_keys;

#define PIPE_KEYS_BYTES (4u << 20)

/* IO and NOT_FOUND as the file system says; MALFORMED names the line: empty, or not UTF-8; LIMIT:
 * more than PIPE_KEYS_BYTES, or no file. With `trusted`, one of these keys must have signed it. */
enum percept_status pipe_text_keys_load(const char *path, const struct signing_keys *trusted,
                                        struct pipe_text_keys **keys, struct percept_error *error);
void pipe_text_keys_destroy(struct pipe_text_keys *keys); /* NULL is fine */
/* Classes that a net with these keys has: lines, the blank and the space. */
size_t pipe_text_keys_classes(const struct pipe_text_keys *keys);

/*
 * Greedy CTC: the likeliest class of each step, repeats joined, blanks left out. probabilities:
 * [steps, classes], row-major. Writes valid UTF-8, cut between two characters where it is longer
 * than `capacity` (with its NUL), and returns its score: the mean over the characters of how likely
 * they were where they began, 0 for no text or what is no number.
 */
float pipe_text_read(const struct pipe_text_keys *keys, const float *probabilities, size_t steps,
                     char *text, size_t capacity);

/* Is it UTF-8 as RFC 3629 has it? */
int pipe_text_is_utf8(const char *text, size_t bytes);

#endif
