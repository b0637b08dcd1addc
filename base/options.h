/*
 * Command lines: a program states its options as a table; parsing and the text of --help follow
 * from it.
 *
 * "--name value", "--name=value"; "--" ends the options; options and operands may be mixed. Every
 * table has --help without stating it, and --version where there is a release.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum base_option_kind {
    BASE_OPTION_FLAG,    /* target: bool */
    BASE_OPTION_TEXT,    /* target: const char *, points into argv */
    BASE_OPTION_COUNT,   /* target: unsigned long, a decimal number from 1 */
    BASE_OPTION_SECONDS, /* target: double, above 0 */
    BASE_OPTION_LIST,    /* target: struct base_option_list; may be given several times */
};

struct base_option {
    const char *name;  /* without the dashes */
    const char *value; /* what stands for the value in help, "FILE"; NULL for a flag */
    const char *help;  /* one line; starts small, no full stop */
    enum base_option_kind kind;
    void *target; /* left alone when the option is not given */
};

#define BASE_OPTION_LIST_MAX 32
struct base_option_list {
    unsigned count;
    const char *items[BASE_OPTION_LIST_MAX];
};

struct base_usage {
    const char *program;  /* "percept echo" */
    const char *operands; /* as help shows them, "TOPIC"; "" for none */
    const char *purpose;  /* one line */
    int least, most;      /* how many operands */
    const struct base_option *options;
    size_t option_count;
    const char *release; /* of the program; NULL: it does not say */
};

/*
 * Parse argv[1..argc). On success the operands stand in order from argv[1], *operands says how many
 * there are, and *shown is true when --help or --version was among the options: that is printed
 * then, and nothing after it checked. INVALID says what is wrong with the line.
 */
enum percept_status base_options_parse(const struct base_usage *usage, int argc, char **argv,
                                       int *operands, bool *shown, struct percept_error *error);

/* The text of --help. */
void base_options_help(const struct base_usage *usage, FILE *file);

#endif
