/*
 * Parameters that a part of a pipeline takes from the configuration, described as data: the part
 * gives a table, the loader checks the file against it and fills the part's own struct.
 */
#ifndef PIPELINES_PARAM_H
#define PIPELINES_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pipe_tree;

/* An entry of a list, with its place in the file for later messages. */
struct pipe_text {
    const char *text, *file;
    unsigned line, column;
};

struct pipe_texts {
    size_t count;
    const struct pipe_text *items;
};

struct pipe_numbers {
    size_t count;
    const double *items;
};

/* Kind, and the C type of the field that it fills. */
enum pipe_param_kind {
    PIPE_PARAM_BOOL,   /* bool */
    PIPE_PARAM_INT,    /* int64_t */
    PIPE_PARAM_NUMBER, /* double, finite */
    PIPE_PARAM_TEXT,   /* const char * */
    PIPE_PARAM_NAME,   /* const char *, [a-z0-9._-]{1,63}, starts with a letter or digit */
    PIPE_PARAM_CHOICE, /* int, an index into choices */
    PIPE_PARAM_PATH,   /* const char *; a relative path is relative to the configuration's folder */
    PIPE_PARAM_TEXTS,  /* struct pipe_texts; one text will do for a list of one */
    PIPE_PARAM_PATHS,  /* struct pipe_texts, each as PATH */
    PIPE_PARAM_NUMBERS, /* struct pipe_numbers, each as NUMBER; one will do for a list of one */
    PIPE_PARAM_MODEL,   /* const char *, a name under `models` */
    PIPE_PARAM_LIST,    /* const struct pipe_tree *: the reader of the table goes on by itself */
    PIPE_PARAM_MAP,     /* the same */
    PIPE_PARAM_KINDS
};

/* A table ends with a row whose name is NULL. Strings that are filled in live as long as the
 * configuration. */
struct pipe_param {
    const char *name;
    enum pipe_param_kind kind;
    size_t offset; /* of the field */
    bool required;
    double fallback;            /* BOOL, INT, NUMBER, CHOICE when not given */
    double min, max;            /* INT, NUMBER: inclusive; both 0: no limit */
    const char *const *choices; /* CHOICE: NULL-terminated */
    const char *fallback_text;  /* TEXT, PATH when not given */
    const char *help;           /* one line, with the unit */
};

#endif
