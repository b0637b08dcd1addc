#include "cli/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Out of memory while laying out a table: the cell stays empty, the rest is still shown. */
static void append(struct cli_table *table, char *text)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        if (!cells) {
            free(text);
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    table->cells[table->count++] = text;
}

void cli_table_begin(struct cli_table *table, const char *align, const char *const *titles)
{
    *table = (struct cli_table){.align = align};
    for (size_t i = 0; i < strlen(align); i++)
        cli_table_cell(table, "%s", titles[i]);
}

void cli_table_cell(struct cli_table *table, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    append(table, text);
}

/* Columns of a terminal that UTF-8 text takes: all but continuation bytes (no wide characters are
 * expected in names). */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; text && *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void cli_table_end(struct cli_table *table, unsigned indent, const char *line_end, FILE *file)
{
    size_t columns = strlen(table->align);
    size_t *widths = calloc(columns, sizeof *widths);
    for (size_t i = 0; widths && i < table->count; i++) {
        size_t width = width_of(table->cells[i]);
        if (width > widths[i % columns])
            widths[i % columns] = width;
    }
    for (size_t i = 0; widths && i < table->count; i++) {
        size_t column = i % columns;
        const char *text = table->cells[i] ? table->cells[i] : "";
        int gap = (int)(widths[column] - width_of(text));
        bool right = table->align[column] == 'r', last = column + 1 == columns;
        fprintf(file, "%*s", column ? 2 : (int)indent, "");
        fprintf(file, "%*s%s%*s", right ? gap : 0, "", text, right || last ? 0 : gap, "");
        if (last)
            fputs(line_end, file);
    }
    free(widths);
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct cli_table){0};
}

char *cli_bytes(double bytes, char *buffer, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    snprintf(buffer, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return buffer;
}

static void cell_of_json(struct cli_table *table, const json_t *value, enum cli_format format)
{
    char buffer[32];
    if (!value || json_is_null(value)) {
        cli_table_cell(table, "-");
        return;
    }
    switch (format) {
    case CLI_FORMAT_TEXT:
        cli_table_cell(table, "%s", json_is_string(value) ? json_string_value(value) : "-");
        break;
    case CLI_FORMAT_COUNT:
        cli_table_cell(table, "%lld", (long long)json_integer_value(value));
        break;
    case CLI_FORMAT_BYTES:
        cli_table_cell(table, "%s", cli_bytes(json_number_value(value), buffer, sizeof buffer));
        break;
    case CLI_FORMAT_REAL:
        cli_table_cell(table, "%.2f", json_number_value(value));
        break;
    case CLI_FORMAT_FLAG:
        cli_table_cell(table, json_is_true(value) ? "yes" : "-");
        break;
    }
}

void cli_table_of_json(const json_t *rows, const struct cli_column *columns, size_t column_count,
                       const char *line_end, FILE *file)
{
    char align[CLI_TABLE_COLUMNS + 1] = "";
    const char *titles[CLI_TABLE_COLUMNS] = {0};
    struct cli_table table;
    size_t row;
    json_t *object;
    for (size_t i = 0; i < column_count && i < CLI_TABLE_COLUMNS; i++) {
        bool text = columns[i].format == CLI_FORMAT_TEXT || columns[i].format == CLI_FORMAT_FLAG;
        align[i] = text ? 'l' : 'r';
        titles[i] = columns[i].title;
    }
    cli_table_begin(&table, align, titles);
    json_array_foreach(rows, row, object) for (size_t i = 0;
                                               i < column_count && i < CLI_TABLE_COLUMNS; i++)
        cell_of_json(&table, json_object_get(object, columns[i].key), columns[i].format);
    cli_table_end(&table, 0, line_end, file);
}
