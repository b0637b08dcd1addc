/* Lines of what was said, on their way to a person or a file. */
#ifndef CLI_TRANSCRIPT_H
#define CLI_TRANSCRIPT_H

#include "ipc/percept.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cli_transcript_format { CLI_TEXT, CLI_SRT, CLI_VTT, CLI_JSON };

/* A line, as the daemon's history has it (docs/transcript.md); texts live as long as the object. */
struct cli_line {
    int64_t begin_ns, end_ns; /* CLOCK_REALTIME */
    int side;
    const char *language, *text, *translation_language, *translation;
};
struct cli_line cli_line_of(const json_t *row);

/* Writes lines one after the other. Zero but for the first two. */
struct cli_line_writer {
    enum cli_transcript_format format;
    FILE *file;
    uint64_t count;
    int64_t first_ns; /* when the first one began: SRT and VTT count from there */
    int64_t day;      /* local, of the last line, for people */
};
void cli_write_line(struct cli_line_writer *writer, json_t *row);

/* One page of the history; *rows is a new array of its lines, *more: there are further ones. */
enum percept_status cli_history_page(struct percept_client *client,
                                     const struct percept_history *wish, json_t **rows, bool *more,
                                     struct percept_error *error);

/* ---- following ---- */

/* What has been printed of the topics that are followed: a line is known by topic, utterance and
 * beginning. */
struct cli_follow;

enum percept_status cli_follow_begin(struct percept_client *client, const char *topic,
                                     struct cli_follow **follow, struct percept_error *error);
void cli_follow_end(struct cli_follow *follow); /* NULL is fine */
/* It is known; rows of the history. */
void cli_follow_know(struct cli_follow *follow, const json_t *row);
/* Print what is new, until a signal comes or every topic has ended. since_ns: not what ended
 * before, CLOCK_REALTIME. */
enum percept_status cli_follow_run(struct cli_follow *follow, struct cli_line_writer *writer,
                                   int64_t since_ns, struct percept_error *error);

#endif
