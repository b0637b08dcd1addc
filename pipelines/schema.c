/* Why: nodes and sources bring their own parameters, so the schema is data that is read at run
 * time; each message must say what was expected and what was found, and where. */
#include "pipelines/schema.h"

#include "pipelines/suggest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum percept_status pipe_schema_fail(const struct pipe_schema_reader *reader,
                                     const struct pipe_tree *at, enum percept_status status,
                                     const char *format, ...)
{
    char message[sizeof reader->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return percept_fail_at(reader->error, status, at->file->name, at->line, at->column, "%s",
                           message);
}

static enum percept_status wrong(const struct pipe_schema_reader *r, const struct pipe_tree *value,
                                 const struct pipe_param *param, const char *expected)
{
    char got[128];
    return pipe_schema_fail(r, value, PERCEPT_MALFORMED, "%s: expected %s, got %s", param->name,
                            expected, pipe_tree_describe(value, got, sizeof got));
}

bool pipe_schema_is_name(const char *text)
{
    size_t length = strlen(text);
    return length >= 1 && length <= 63 && text[0] != '.' && text[0] != '_' && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

/* ---- one reader a kind ---- */

typedef enum percept_status (*read_fn)(const struct pipe_schema_reader *r,
                                       const struct pipe_param *param,
                                       const struct pipe_tree *value, void *field);

static enum percept_status read_bool(const struct pipe_schema_reader *r,
                                     const struct pipe_param *param, const struct pipe_tree *value,
                                     void *field)
{
    bool plain = value->kind == PIPE_TREE_TEXT && !value->quoted;
    if (!plain || (strcmp(value->text, "true") != 0 && strcmp(value->text, "false") != 0))
        return wrong(r, value, param, "true or false");
    *(bool *)field = value->text[0] == 't';
    return PERCEPT_OK;
}

static enum percept_status out_of_range(const struct pipe_schema_reader *r,
                                        const struct pipe_param *param,
                                        const struct pipe_tree *value)
{
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %.15g to %.15g", param->min, param->max);
    return wrong(r, value, param, expected);
}

static enum percept_status read_int(const struct pipe_schema_reader *r,
                                    const struct pipe_param *param, const struct pipe_tree *value,
                                    void *field)
{
    bool plain = value->kind == PIPE_TREE_TEXT && !value->quoted && value->text[0] != '\0' &&
                 strspn(value->text, "+-0123456789") == strlen(value->text);
    char *end = NULL;
    errno = 0;
    long long number = plain ? strtoll(value->text, &end, 10) : 0;
    if (!plain || *end || errno)
        return wrong(r, value, param, "a whole number");
    if ((param->min != 0 || param->max != 0) &&
        ((double)number < param->min || (double)number > param->max))
        return out_of_range(r, param, value);
    *(int64_t *)field = number;
    return PERCEPT_OK;
}

static enum percept_status read_number(const struct pipe_schema_reader *r,
                                       const struct pipe_param *param,
                                       const struct pipe_tree *value, void *field)
{
    bool plain = value->kind == PIPE_TREE_TEXT && !value->quoted && value->text[0] != '\0' &&
                 strspn(value->text, "+-.eE0123456789") == strlen(value->text);
    char *end = NULL;
    double number = plain ? strtod(value->text, &end) : 0;
    if (!plain || *end || !isfinite(number))
        return wrong(r, value, param, "a number");
    if ((param->min != 0 || param->max != 0) && (number < param->min || number > param->max))
        return out_of_range(r, param, value);
    *(double *)field = number;
    return PERCEPT_OK;
}

static enum percept_status read_text(const struct pipe_schema_reader *r,
                                     const struct pipe_param *param, const struct pipe_tree *value,
                                     void *field)
{
    if (value->kind != PIPE_TREE_TEXT || value->text[0] == '\0')
        return wrong(r, value, param, "a text");
    *(const char **)field = value->text;
    return PERCEPT_OK;
}

static enum percept_status read_name(const struct pipe_schema_reader *r,
                                     const struct pipe_param *param, const struct pipe_tree *value,
                                     void *field)
{
    if (value->kind != PIPE_TREE_TEXT || !pipe_schema_is_name(value->text))
        return wrong(r, value, param, "a name (up to 63 of a-z 0-9 . _ -)");
    *(const char **)field = value->text;
    return PERCEPT_OK;
}

static enum percept_status read_choice(const struct pipe_schema_reader *r,
                                       const struct pipe_param *param,
                                       const struct pipe_tree *value, void *field)
{
    char expected[256] = "", near[128];
    struct pipe_suggest suggest = {
        .word = value->kind == PIPE_TREE_TEXT ? value->text : "",
    };
    for (int i = 0; param->choices[i]; i++) {
        if (strcmp(suggest.word, param->choices[i]) == 0) {
            *(int *)field = i;
            return PERCEPT_OK;
        }
        pipe_suggest_add(&suggest, param->choices[i]);
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s",
                 i == 0 ? "" : (param->choices[i + 1] ? ", " : " or "), param->choices[i]);
    }
    char got[128];
    return pipe_schema_fail(r, value, PERCEPT_MALFORMED, "%s: expected %s, got %s%s", param->name,
                            expected, pipe_tree_describe(value, got, sizeof got),
                            pipe_suggest_text(&suggest, near, sizeof near));
}

static enum percept_status resolve(const struct pipe_schema_reader *r,
                                   const struct pipe_tree *value, const char **path)
{
    const char *start = value->file->folder;
    if (value->text[0] == '/' || !start[0]) {
        *path = value->text;
        return PERCEPT_OK;
    }
    size_t bytes = strlen(start) + strlen(value->text) + 2;
    char *joined = base_arena_alloc(r->arena, bytes);
    if (!joined)
        return pipe_schema_fail(r, value, PERCEPT_NO_MEMORY, "out of memory");
    snprintf(joined, bytes, "%s/%s", start, value->text);
    *path = joined;
    return PERCEPT_OK;
}

static enum percept_status read_path(const struct pipe_schema_reader *r,
                                     const struct pipe_param *param, const struct pipe_tree *value,
                                     void *field)
{
    if (value->kind != PIPE_TREE_TEXT || value->text[0] == '\0')
        return wrong(r, value, param, "a path");
    return resolve(r, value, field);
}

static enum percept_status read_texts(const struct pipe_schema_reader *r,
                                      const struct pipe_param *param, const struct pipe_tree *value,
                                      void *field)
{
    const struct pipe_tree_item alone = {.value = value};
    const struct pipe_tree_item *items = value->kind == PIPE_TREE_LIST ? value->items : &alone;
    size_t count = value->kind == PIPE_TREE_LIST ? value->count : 1;
    bool paths = param->kind == PIPE_PARAM_PATHS;
    const char *expected = paths ? "a path or a list of paths" : "a text or a list of texts";
    if (value->kind == PIPE_TREE_MAP || count == 0)
        return wrong(r, value, param, expected);
    struct pipe_text *texts = base_arena_array(r->arena, count, sizeof *texts);
    if (!texts)
        return pipe_schema_fail(r, value, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct pipe_tree *item = items[i].value;
        if (item->kind != PIPE_TREE_TEXT || item->text[0] == '\0')
            return wrong(r, item, param, expected);
        texts[i] = (struct pipe_text){item->text, item->file->name, item->line, item->column};
        enum percept_status status = paths ? resolve(r, item, &texts[i].text) : PERCEPT_OK;
        if (status != PERCEPT_OK)
            return status;
    }
    *(struct pipe_texts *)field = (struct pipe_texts){.count = count, .items = texts};
    return PERCEPT_OK;
}

static enum percept_status read_numbers(const struct pipe_schema_reader *r,
                                        const struct pipe_param *param,
                                        const struct pipe_tree *value, void *field)
{
    const struct pipe_tree_item alone = {.value = value};
    const struct pipe_tree_item *items = value->kind == PIPE_TREE_LIST ? value->items : &alone;
    size_t count = value->kind == PIPE_TREE_LIST ? value->count : 1;
    if (value->kind == PIPE_TREE_MAP || count == 0)
        return wrong(r, value, param, "a number or a list of numbers");
    double *numbers = base_arena_array(r->arena, count, sizeof *numbers);
    if (!numbers)
        return pipe_schema_fail(r, value, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        enum percept_status status = read_number(r, param, items[i].value, &numbers[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    *(struct pipe_numbers *)field = (struct pipe_numbers){.count = count, .items = numbers};
    return PERCEPT_OK;
}

static enum percept_status read_list(const struct pipe_schema_reader *r,
                                     const struct pipe_param *param, const struct pipe_tree *value,
                                     void *field)
{
    if (value->kind != PIPE_TREE_LIST)
        return wrong(r, value, param, "a list");
    *(const struct pipe_tree **)field = value;
    return PERCEPT_OK;
}

static enum percept_status read_map(const struct pipe_schema_reader *r,
                                    const struct pipe_param *param, const struct pipe_tree *value,
                                    void *field)
{
    if (value->kind != PIPE_TREE_MAP)
        return wrong(r, value, param, "a mapping");
    *(const struct pipe_tree **)field = value;
    return PERCEPT_OK;
}

static const read_fn readers[] = {
    [PIPE_PARAM_BOOL] = read_bool,       [PIPE_PARAM_INT] = read_int,
    [PIPE_PARAM_NUMBER] = read_number,   [PIPE_PARAM_TEXT] = read_text,
    [PIPE_PARAM_NAME] = read_name,       [PIPE_PARAM_CHOICE] = read_choice,
    [PIPE_PARAM_PATH] = read_path,       [PIPE_PARAM_TEXTS] = read_texts,
    [PIPE_PARAM_PATHS] = read_texts,     [PIPE_PARAM_MODEL] = read_name,
    [PIPE_PARAM_LIST] = read_list,       [PIPE_PARAM_MAP] = read_map,
    [PIPE_PARAM_NUMBERS] = read_numbers,
};

/* ---- a whole map ---- */

static void *field_of(const struct pipe_schema_part *part, const struct pipe_param *param)
{
    return (char *)part->out + param->offset;
}

static void set_fallback(const struct pipe_schema_part *part, const struct pipe_param *param)
{
    void *field = field_of(part, param);
    switch (param->kind) {
    case PIPE_PARAM_BOOL:
        *(bool *)field = param->fallback != 0;
        break;
    case PIPE_PARAM_INT:
        *(int64_t *)field = (int64_t)param->fallback;
        break;
    case PIPE_PARAM_NUMBER:
        *(double *)field = param->fallback;
        break;
    case PIPE_PARAM_CHOICE:
        *(int *)field = (int)param->fallback;
        break;
    case PIPE_PARAM_TEXT:
    case PIPE_PARAM_PATH:
        *(const char **)field = param->fallback_text;
        break;
    case PIPE_PARAM_NAME:
    case PIPE_PARAM_MODEL:
    case PIPE_PARAM_TEXTS:
    case PIPE_PARAM_PATHS:
    case PIPE_PARAM_NUMBERS:
    case PIPE_PARAM_LIST:
    case PIPE_PARAM_MAP:
    case PIPE_PARAM_KINDS:
        break; /* zero, as the struct came */
    }
}

static enum percept_status check_keys(const struct pipe_schema_reader *r,
                                      const struct pipe_tree *map, const char *what,
                                      const struct pipe_schema_part *parts, size_t part_count)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct pipe_tree *key = map->items[i].key;
        struct pipe_suggest suggest = {.word = key->text};
        bool known = false;
        for (size_t p = 0; p < part_count; p++)
            for (const struct pipe_param *param = parts[p].params; param && param->name; param++) {
                known = known || strcmp(param->name, key->text) == 0;
                pipe_suggest_add(&suggest, param->name);
            }
        char near[128];
        if (!known)
            return pipe_schema_fail(r, key, PERCEPT_MALFORMED, "unknown key '%.60s' in %s%s",
                                    key->text, what,
                                    pipe_suggest_text(&suggest, near, sizeof near));
    }
    return PERCEPT_OK;
}

enum percept_status pipe_schema_read(const struct pipe_schema_reader *reader,
                                     const struct pipe_tree *map, const char *what,
                                     const struct pipe_schema_part *parts, size_t part_count)
{
    char got[128];
    if (map->kind != PIPE_TREE_MAP)
        return pipe_schema_fail(reader, map, PERCEPT_MALFORMED, "%s: expected a mapping, got %s",
                                what, pipe_tree_describe(map, got, sizeof got));
    enum percept_status status = check_keys(reader, map, what, parts, part_count);
    for (size_t p = 0; p < part_count && status == PERCEPT_OK; p++)
        for (const struct pipe_param *param = parts[p].params;
             param && param->name && status == PERCEPT_OK; param++) {
            const struct pipe_tree_item *item = pipe_tree_find(map, param->name);
            if (item)
                status =
                    readers[param->kind](reader, param, item->value, field_of(&parts[p], param));
            else if (param->required)
                status = pipe_schema_fail(reader, map, PERCEPT_MALFORMED, "%s needs '%s' (%s)",
                                          what, param->name, param->help);
            else
                set_fallback(&parts[p], param);
        }
    return status;
}

enum percept_status pipe_schema_read_kind(const struct pipe_schema_reader *reader,
                                          const struct pipe_tree *map, const char *what,
                                          const struct pipe_param *params, const char *key,
                                          void *out)
{
    const struct pipe_tree_item *item = pipe_tree_find(map, key);
    struct pipe_tree only = *map;
    if (map->kind == PIPE_TREE_MAP) {
        only.items = item;
        only.count = item ? 1 : 0;
    }
    const struct pipe_schema_part part = {params, out};
    return pipe_schema_read(reader, &only, what, &part, 1);
}

enum percept_status pipe_schema_strings(const struct pipe_schema_reader *reader,
                                        const struct pipe_texts *texts, const char *const **strings)
{
    const char **copy = base_arena_array(reader->arena, texts->count, sizeof *copy);
    if (!copy)
        return percept_fail(reader->error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < texts->count; i++)
        copy[i] = texts->items[i].text;
    *strings = copy;
    return PERCEPT_OK;
}
