/* Why: getopt_long wants a switch for parsing and a text for --help, and the two drift apart. */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct base_option *find(const struct base_usage *usage, const char *name,
                                      size_t length)
{
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct base_option *option = &usage->options[i];
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static bool parse_count(const char *text, unsigned long *count)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || value == 0)
        return false;
    *count = value;
    return true;
}

#define MOST_SECONDS 1e9 /* 30 years; in nanoseconds they fit in 64 bits beside any clock */

static bool parse_seconds(const char *text, double *seconds)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value <= 0 || value > MOST_SECONDS)
        return false;
    *seconds = value;
    return true;
}

static enum percept_status store(const struct base_option *option, const char *value,
                                 struct percept_error *error)
{
    switch (option->kind) {
    case BASE_OPTION_FLAG:
        *(bool *)option->target = true;
        return PERCEPT_OK;
    case BASE_OPTION_TEXT:
        *(const char **)option->target = value;
        return PERCEPT_OK;
    case BASE_OPTION_COUNT:
        if (parse_count(value, option->target))
            return PERCEPT_OK;
        return percept_fail(error, PERCEPT_INVALID, "--%s wants a whole number from 1, not '%s'",
                            option->name, value);
    case BASE_OPTION_SECONDS:
        if (parse_seconds(value, option->target))
            return PERCEPT_OK;
        return percept_fail(error, PERCEPT_INVALID, "--%s wants seconds above 0, not '%s'",
                            option->name, value);
    case BASE_OPTION_LIST: {
        struct base_option_list *list = option->target;
        if (list->count == BASE_OPTION_LIST_MAX)
            return percept_fail(error, PERCEPT_INVALID, "--%s is given more than %d times",
                                option->name, BASE_OPTION_LIST_MAX);
        list->items[list->count++] = value;
        return PERCEPT_OK;
    }
    }
    return percept_fail(error, PERCEPT_INTERNAL, "option of an unknown kind");
}

/* What a program shows instead of doing anything. */
static bool show(const struct base_usage *usage, const char *word)
{
    if (strcmp(word, "--help") == 0)
        base_options_help(usage, stdout);
    else if (usage->release && strcmp(word, "--version") == 0)
        printf("%s %s\n", usage->program, usage->release);
    else
        return false;
    return true;
}

enum percept_status base_options_parse(const struct base_usage *usage, int argc, char **argv,
                                       int *operands, bool *shown, struct percept_error *error)
{
    int count = 0;
    bool options_over = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        /* A lone "-" is an operand: by custom it stands for a standard stream. */
        if (options_over || word[0] != '-' || word[1] == '\0') {
            argv[1 + count++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options_over = true;
            continue;
        }
        *shown = show(usage, word);
        if (*shown) {
            *operands = 0;
            return PERCEPT_OK;
        }
        const char *name = word + 2, *value = strchr(word, '=');
        const struct base_option *option =
            word[1] == '-' ? find(usage, name, value ? (size_t)(value - name) : strlen(name))
                           : NULL;
        if (!option)
            return percept_fail(error, PERCEPT_INVALID, "unknown option '%s'", word);
        if (option->kind == BASE_OPTION_FLAG && value)
            return percept_fail(error, PERCEPT_INVALID, "--%s takes no value", option->name);
        if (option->kind != BASE_OPTION_FLAG && !value && i + 1 == argc)
            return percept_fail(error, PERCEPT_INVALID, "--%s wants a value: %s", option->name,
                                option->value);
        if (value)
            value++;
        else if (option->kind != BASE_OPTION_FLAG)
            value = argv[++i];
        enum percept_status status = store(option, value, error);
        if (status)
            return status;
    }
    if (count < usage->least)
        return percept_fail(error, PERCEPT_INVALID, "missing operand; usage: %s %s", usage->program,
                            usage->operands);
    if (count > usage->most)
        return percept_fail(error, PERCEPT_INVALID, "one operand too many: '%s'",
                            argv[1 + usage->most]);
    *operands = count;
    *shown = false;
    return PERCEPT_OK;
}

static void print_option(FILE *file, const char *name, const char *value, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value ? " " : "", value ? value : "");
    fprintf(file, "  %-24s %s\n", left, help);
}

void base_options_help(const struct base_usage *usage, FILE *file)
{
    fprintf(file, "usage: %s [options]%s%s\n%s\n\noptions:\n", usage->program,
            usage->operands[0] ? " " : "", usage->operands, usage->purpose);
    for (size_t i = 0; i < usage->option_count; i++)
        print_option(file, usage->options[i].name, usage->options[i].value, usage->options[i].help);
    if (usage->release)
        print_option(file, "version", NULL, "show the version and exit");
    print_option(file, "help", NULL, "show this and exit");
}
