/*
 * Text read aloud, by the program espeak-ng: as a program of its own, for the daemon has nothing to
 * do with sound, and its licence (GPL) stays its own.
 */
#ifndef CLI_SPEAK_H
#define CLI_SPEAK_H

#include "base/status.h"
#include "ipc/topics.h"

#include <stddef.h>

/*
 * Say a text in a language (ISO 639), or write it as WAV to a path (NULL: say it); returns when
 * that is done. NOT_FOUND names the language there is no voice for, or says that espeak-ng is
 * missing ($PERCEPT_ESPEAK names another program).
 */
enum percept_status cli_speak(const char *text, const char *language, const char *path,
                              struct percept_error *error);

/* What to read aloud of a sample. */
struct cli_reading {
    const char *text, *language; /* parts of the sample; language "": not known */
};
struct cli_reading_choice {
    unsigned long line; /* its id; 0: all lines */
    int translation;    /* the translations of those that have one, instead of the text */
};

/*
 * Of a percept.text/1 or percept.text_selected/1 sample, of which nothing is trusted; it has to
 * stay while readings are used. At most PERCEPT_TEXT_LINES_MAX readings. NOT_FOUND: there is no
 * such line, nothing is selected, or nothing is translated. UNSUPPORTED: another schema.
 */
enum percept_status cli_speak_choose(const char *schema, const void *sample, size_t size,
                                     const struct cli_reading_choice *choice,
                                     struct cli_reading readings[PERCEPT_TEXT_LINES_MAX],
                                     size_t *count, struct percept_error *error);

#endif
