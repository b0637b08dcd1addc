/* Cuts text into sentences, for a translator that was trained on single ones. */
#ifndef PIPELINES_SENTENCES_H
#define PIPELINES_SENTENCES_H

#include <stddef.h>

/*
 * Bytes of the first sentence of a text with the spaces behind it, at most `most`. A sentence ends
 * after . ! ? or … (and quotes and brackets that close) before a space and something that can begin
 * one, but not after an initial or a usual abbreviation; after the full stops of Chinese and
 * Japanese; and at the end of a line. One that is longer is cut behind its last space that is early
 * enough, or else between two characters. 0 only when size is.
 */
size_t pipe_sentence_next(const char *text, size_t size, size_t most);

#endif
