/*
 * A guess at the language of a line of text, good enough to choose a translation by: the script
 * decides where it can (kana: Japanese; other Han: Chinese; Hangul: Korean; Cyrillic: Russian, or
 * Ukrainian by its own letters; Greek, Arabic, Hebrew, Thai, Devanagari: theirs). In Latin script,
 * words that are common in texts and on signs and letters that few languages have count for
 * languages, and the one with most of them wins.
 */
#ifndef PIPELINES_TEXT_LANGUAGE_H
#define PIPELINES_TEXT_LANGUAGE_H

/* ISO 639-1, or "" when nothing speaks for one more than for another. text: UTF-8; what is not is
 * passed over. */
const char *pipe_text_language(const char *text);

#endif
