/* Tables for people: columns as wide as what is in them. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

struct cli_table {
    const char *align; /* 'l' or 'r' a column: "lrr" is three columns */
    char **cells;      /* row after row, the titles first */
    size_t count, capacity;
};

/* titles: one a column of align. */
void cli_table_begin(struct cli_table *table, const char *align, const char *const *titles);
/* The next cell, from left to right and down. */
void cli_table_cell(struct cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Print with `indent` spaces in front, each line followed by `line_end` ("\n"), and free. */
void cli_table_end(struct cli_table *table, unsigned indent, const char *line_end, FILE *file);

#define CLI_TABLE_COLUMNS 20 /* of cli_table_of_json at most: what is beyond is not shown */

/* How a member of a JSON object is shown. */
enum cli_format {
    CLI_FORMAT_TEXT,
    CLI_FORMAT_COUNT,
    CLI_FORMAT_BYTES, /* 1.2 MB */
    CLI_FORMAT_REAL,  /* two digits after the point */
    CLI_FORMAT_FLAG,  /* yes, - */
};

struct cli_column {
    const char *title;
    const char *key;
    enum cli_format format;
};

/* A table of a JSON array of objects, a row each. */
void cli_table_of_json(const json_t *rows, const struct cli_column *columns, size_t column_count,
                       const char *line_end, FILE *file);

/* "1.2 MB" into buffer; returns it. */
char *cli_bytes(double bytes, char *buffer, size_t size);

#endif
