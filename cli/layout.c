#include "cli/layout.h"

#include "base/checked.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 256
#define DEPTH_MAX  4
#define SIZE_MOST  ((json_int_t)1 << 30)

static const struct {
    const char *name;
    size_t bytes; /* of one; 0: the description says */
} types[] = {
    [IPC_FIELD_I64] = {"i64", 8},     [IPC_FIELD_U64] = {"u64", 8},
    [IPC_FIELD_U32] = {"u32", 4},     [IPC_FIELD_F32] = {"f32", 4},
    [IPC_FIELD_TEXT] = {"text", 1},   [IPC_FIELD_STRUCT] = {"struct", 0},
    [IPC_FIELD_IMAGE] = {"image", 0}, [IPC_FIELD_TENSOR] = {"tensor", 0},
};

static enum percept_status parse_struct(const json_t *description, unsigned depth,
                                        struct cli_layout *layout, struct percept_error *error);

static enum percept_status malformed(struct percept_error *error, const char *what)
{
    return percept_fail(error, PERCEPT_MALFORMED, "the description of the payload: %s", what);
}

/* A member that is a number from least to SIZE_MOST. */
static bool get_size(const json_t *object, const char *key, json_int_t least, size_t *size)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > SIZE_MOST)
        return false;
    *size = (size_t)number;
    return true;
}

static bool parse_type(const json_t *object, struct cli_field *field)
{
    const char *text = json_string_value(json_object_get(object, "type"));
    for (size_t i = 0; text && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(text, types[i].name) == 0) {
            field->type = (enum ipc_field_type)i;
            field->bytes = types[i].bytes;
            return true;
        }
    return false;
}

static bool parse_shape(const json_t *object, struct cli_field *field)
{
    const json_t *shape = json_object_get(object, "shape");
    size_t count = json_array_size(shape);
    if (!shape)
        return field->type != IPC_FIELD_TEXT;
    if (!json_is_array(shape) || count < 1 || count > 2 || field->type == IPC_FIELD_IMAGE ||
        field->type == IPC_FIELD_TENSOR || (field->type == IPC_FIELD_TEXT && count != 1))
        return false;
    for (size_t i = 0; i < count; i++) {
        json_int_t number = json_integer_value(json_array_get(shape, i));
        if (number < 1 || number > SIZE_MOST)
            return false;
        field->dims[i] = (size_t)number;
    }
    return true;
}

static bool parse_words(const json_t *object, struct cli_field *field)
{
    size_t i;
    json_t *word;
    field->words = json_object_get(object, "words");
    if (!field->words)
        return true;
    json_array_foreach(field->words, i, word) if (!json_is_string(word)) return false;
    return json_is_array(field->words) && field->type == IPC_FIELD_U32;
}

/* One of the struct's fields before, if it is of that type: a single one or a list. */
static const struct cli_field *find_field(const struct cli_layout *layout, const char *name,
                                          enum ipc_field_type type, bool list)
{
    for (size_t i = 0; name && i < layout->field_count; i++) {
        const struct cli_field *field = &layout->fields[i];
        if (strcmp(field->name, name) == 0)
            return field->type == type && (field->dims[0] != 0) == list && !field->dims[1] ? field
                                                                                           : NULL;
    }
    return NULL;
}

static const struct cli_field *single_u32(const struct cli_layout *layout, const char *name)
{
    return find_field(layout, name, IPC_FIELD_U32, false);
}

static bool find_tensor(const struct cli_layout *layout, struct cli_tensor *tensor)
{
    *tensor = (struct cli_tensor){
        .dtype = single_u32(layout, "dtype"),
        .rank = single_u32(layout, "rank"),
        .sizes = find_field(layout, "sizes", IPC_FIELD_U32, true),
        .offset = find_field(layout, "offset", IPC_FIELD_U64, false),
        .bytes = find_field(layout, "bytes", IPC_FIELD_U64, false),
    };
    return tensor->dtype && tensor->dtype->words && tensor->rank && tensor->sizes &&
           tensor->offset && tensor->bytes;
}

/* What refers to other fields of the struct, all of which stand before it. */
static bool parse_references(const json_t *object, const struct cli_layout *layout,
                             struct cli_field *field)
{
    const json_t *count = json_object_get(object, "count");
    if (count) {
        field->count = single_u32(layout, json_string_value(count));
        if (!field->count || !field->dims[0] || field->type == IPC_FIELD_TEXT)
            return false;
    }
    if (field->type == IPC_FIELD_TENSOR)
        return find_tensor(layout, &field->tensor);
    return field->type != IPC_FIELD_IMAGE ||
           (single_u32(layout, "width") && single_u32(layout, "height") &&
            single_u32(layout, "stride") && single_u32(layout, "format"));
}

/* It lies behind the fields before it and within the struct; *end is moved past it. */
static bool fits(const struct cli_field *field, size_t size, size_t *end)
{
    size_t elements = field->dims[0] ? field->dims[0] : 1, bytes;
    if (field->type == IPC_FIELD_IMAGE)
        return field->offset == size && *end <= size && (*end = SIZE_MAX, true);
    if (field->type == IPC_FIELD_TENSOR) /* none of the struct's bytes */
        return field->offset == size && *end <= size;
    if (!base_mul_size(elements, field->dims[1] ? field->dims[1] : 1, &elements) ||
        !base_mul_size(elements, field->bytes, &bytes) || field->offset < *end ||
        !base_range_inside(field->offset, bytes, size))
        return false;
    *end = field->offset + bytes;
    return true;
}

static enum percept_status parse_field(const json_t *object, unsigned depth,
                                       struct cli_layout *layout, size_t *end,
                                       struct percept_error *error)
{
    struct cli_field *field = &layout->fields[layout->field_count];
    field->name = json_string_value(json_object_get(object, "name"));
    if (!field->name || !field->name[0])
        return malformed(error, "a field has no name");
    if (!parse_type(object, field))
        return malformed(error, "a field has no type that is known");
    if (!get_size(object, "offset", 0, &field->offset) || !parse_shape(object, field))
        return malformed(error, "a field's offset or shape is no such thing");
    if (!parse_words(object, field))
        return malformed(error, "a field's words are not texts for a u32");
    if (!parse_references(object, layout, field))
        return malformed(error, "a field refers to one that is not there or of another type");
    if (field->type == IPC_FIELD_STRUCT) {
        if (depth == DEPTH_MAX)
            return malformed(error, "structs are nested too deep");
        field->layout = calloc(1, sizeof *field->layout);
        if (!field->layout)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        layout->field_count++; /* from here on it is freed with the rest */
        enum percept_status status = parse_struct(object, depth + 1, field->layout, error);
        if (status)
            return status;
        field->bytes = field->layout->size;
    } else {
        layout->field_count++;
    }
    return fits(field, layout->size, end)
               ? PERCEPT_OK
               : malformed(error, "a field lies outside of its struct or on another field");
}

static enum percept_status parse_struct(const json_t *description, unsigned depth,
                                        struct cli_layout *layout, struct percept_error *error)
{
    const json_t *fields = json_object_get(description, "fields");
    size_t count = json_array_size(fields), end = 0;
    if (!get_size(description, "size", 1, &layout->size))
        return malformed(error, "there is no size, or a wrong one");
    if (!json_is_array(fields) || count > FIELDS_MAX)
        return malformed(error, "there are no fields, or too many");
    layout->fields = calloc(count ? count : 1, sizeof *layout->fields);
    if (!layout->fields)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        enum percept_status status =
            parse_field(json_array_get(fields, i), depth, layout, &end, error);
        if (status)
            return status;
    }
    /* An image inside of something has no end of its own. */
    return depth > 0 && end == SIZE_MAX ? malformed(error, "an image inside of a struct")
                                        : PERCEPT_OK;
}

enum percept_status cli_layout_parse(json_t *description, struct cli_layout **result,
                                     struct percept_error *error)
{
    struct cli_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    layout->description = json_incref(description);
    enum percept_status status = parse_struct(description, 0, layout, error);
    if (status) {
        cli_layout_free(layout);
        return status;
    }
    *result = layout;
    return PERCEPT_OK;
}

void cli_layout_free(struct cli_layout *layout)
{
    if (!layout)
        return;
    for (size_t i = 0; i < layout->field_count; i++)
        cli_layout_free(layout->fields[i].layout);
    free(layout->fields);
    json_decref(layout->description);
    free(layout);
}
