/* Cuts text into the pieces within which BPE merges. Private to the tokenizer. */
#ifndef PIPELINES_PRETOKENIZE_H
#define PIPELINES_PRETOKENIZE_H

#include <stddef.h>
#include <stdint.h>

/* The byte after the piece that begins at `at`, which is below end. Text is any bytes; what is no
 * UTF-8 counts as one odd character a byte. */
typedef size_t (*pipe_cut)(const unsigned char *text, size_t at, size_t end);

/* GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t pipe_cut_gpt2(const unsigned char *text, size_t at, size_t end);
/* Llama 3: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
 *          ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
size_t pipe_cut_llama3(const unsigned char *text, size_t at, size_t end);
/* The same with \p{N} instead of \p{N}{1,3}: Qwen 2. */
size_t pipe_cut_qwen2(const unsigned char *text, size_t at, size_t end);
/* Each \p{N} alone, and runs of anything else. */
size_t pipe_cut_digit(const unsigned char *text, size_t at, size_t end);
/* Runs of \p{N}, and of anything else. */
size_t pipe_cut_digits(const unsigned char *text, size_t at, size_t end);

/* The text of the pattern that a cut follows, as tokenizer.json has it; NULL for none. */
pipe_cut pipe_cut_of_pattern(const char *pattern);

#endif
