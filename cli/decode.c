#include "cli/decode.h"

#include "cli/cli.h"
#include "cli/decode_depth.h"
#include "cli/decode_tensor.h"
#include "ipc/topics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HEX_BYTES 64

static const char *const format_words[] = {"unknown", "rgb8", "gray8"};
static const char *const sensor_words[] = {"other", "camera", "recording", "microphone"};

/* ---- lines for people ---- */

static void hands_line(const void *data, size_t size, FILE *file)
{
    static const unsigned tips[] = {PERCEPT_THUMB_TIP, PERCEPT_INDEX_TIP, PERCEPT_MIDDLE_TIP,
                                    PERCEPT_RING_TIP, PERCEPT_LITTLE_TIP};
    const struct percept_hands *hands = data;
    (void)size;
    fprintf(file, "frame %llu: ", (unsigned long long)hands->frame);
    if (!hands->hand_count)
        fputs("no hand", file);
    for (unsigned h = 0; h < hands->hand_count && h < PERCEPT_HANDS_MAX; h++) {
        const struct percept_hand *hand = &hands->hands[h];
        fprintf(file, "%s%s hand %u (%.2f), tips", h ? "; " : "",
                hand->handedness == PERCEPT_HAND_LEFT ? "left" : "right", hand->id,
                (double)hand->presence);
        for (size_t t = 0; t < sizeof tips / sizeof tips[0]; t++)
            fprintf(file, " %.0f,%.0f", (double)hand->image[tips[t]][0],
                    (double)hand->image[tips[t]][1]);
    }
}

static int64_t hands_model_ns(const void *data)
{
    return ((const struct percept_hands *)data)->model_ns;
}

static void frame_line(const void *data, size_t size, FILE *file)
{
    const struct percept_frame *frame = data;
    fprintf(file, "frame %llu: %ux%u %s, %zu bytes", (unsigned long long)frame->frame, frame->width,
            frame->height, frame->format < 3 ? format_words[frame->format] : "unknown", size);
}

static void presence_line(const void *data, size_t size, FILE *file)
{
    const struct percept_hands_presence *presence = data;
    (void)size;
    fprintf(file, "%u %s for %.1f s", presence->hand_count,
            presence->hand_count == 1 ? "hand" : "hands",
            (double)(presence->capture_ns - presence->since_ns) * 1e-9);
}

static void indicator_line(const void *data, size_t size, FILE *file)
{
    const struct percept_indicator *indicator = data;
    (void)size;
    for (uint32_t s = 0; s < indicator->sensor_count && s < PERCEPT_SENSORS_MAX; s++) {
        const struct percept_sensor *sensor = &indicator->sensors[s];
        fprintf(file, "%s%s of %.63s %s", s ? "; " : "",
                sensor->kind < 4 ? sensor_words[sensor->kind] : "sensor", sensor->pipeline,
                sensor->live ? "is live" : "is off");
        for (uint32_t r = 0; r < indicator->reader_count && r < PERCEPT_SENSOR_READERS_MAX; r++) {
            const struct percept_sensor_reader *reader = &indicator->readers[r];
            char program[sizeof reader->program];
            if (reader->sensor != s)
                continue;
            snprintf(program, sizeof program, "%.63s", reader->program);
            fprintf(file, ", %.63s read by ", reader->topic);
            cli_print_text(program[0] ? program : "?", file);
            fprintf(file, " (user %u, pid %lld)", reader->uid, (long long)reader->pid);
        }
    }
}

/* The newest: of a partial one what is stable, a bar, and what is not. */
static void captions_line(const void *data, size_t size, FILE *file)
{
    const struct percept_captions *captions = data;
    uint32_t count = captions->caption_count;
    (void)size;
    fputs(captions->speaking ? "somebody speaks" : "nobody speaks", file);
    if (!count || count > PERCEPT_CAPTIONS_MAX)
        return;
    const struct percept_caption *caption = &captions->captions[count - 1];
    char text[PERCEPT_CAPTION_BYTES];
    uint32_t stable = caption->stable_bytes < sizeof text ? caption->stable_bytes : 0;
    fprintf(file, "; #%llu%s, %.1f s, %.*s: ", (unsigned long long)caption->id,
            caption->final ? "" : " (partial)",
            (double)(caption->end_ns - caption->begin_ns) * 1e-9, PERCEPT_LANGUAGE_BYTES - 1,
            caption->language);
    snprintf(text, sizeof text, "%.*s", (int)stable, caption->text);
    cli_print_text(text, file);
    if (!caption->final) {
        snprintf(text, sizeof text, "%.*s", (int)(sizeof text - 1 - stable),
                 caption->text + stable);
        fputs("|", file);
        cli_print_text(text, file);
    }
    if (caption->translation[0]) {
        snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, caption->translation);
        fputs(" = ", file);
        cli_print_text(text, file);
    }
}

static int64_t captions_model_ns(const void *data)
{
    return ((const struct percept_captions *)data)->model_ns;
}

static void text_line(const void *data, size_t size, FILE *file)
{
    const struct percept_text *text = data;
    (void)size;
    fprintf(file, "frame %llu: ", (unsigned long long)text->frame);
    if (!text->line_count)
        fputs("no text", file);
    for (uint32_t i = 0; i < text->line_count && i < PERCEPT_TEXT_LINES_MAX; i++) {
        const struct percept_text_line *line = &text->lines[i];
        char copy[PERCEPT_LINE_BYTES];
        fprintf(file, "%s#%u%s ", i ? "; " : "", line->id, line->seen ? "" : " (not seen)");
        snprintf(copy, sizeof copy, "%.*s", PERCEPT_LINE_BYTES - 1, line->text);
        cli_print_text(copy, file);
        if (line->language[0])
            fprintf(file, " [%.*s]", PERCEPT_LANGUAGE_BYTES - 1, line->language);
        if (line->translation[0]) {
            snprintf(copy, sizeof copy, "%.*s", PERCEPT_LINE_BYTES - 1, line->translation);
            fputs(" = ", file);
            cli_print_text(copy, file);
        }
    }
}

static int64_t text_model_ns(const void *data)
{
    return ((const struct percept_text *)data)->model_ns;
}

static void text_presence_line(const void *data, size_t size, FILE *file)
{
    const struct percept_text_presence *presence = data;
    (void)size;
    fprintf(file, "%u %s of text for %.1f s", presence->line_count,
            presence->line_count == 1 ? "line" : "lines",
            (double)(presence->capture_ns - presence->since_ns) * 1e-9);
}

static int64_t tensors_model_ns(const void *data)
{
    return ((const struct percept_tensors *)data)->model_ns;
}

/* ---- the table ---- */

static const struct cli_schema known[] = {
    {PERCEPT_HANDS_SCHEMA, sizeof(struct percept_hands), hands_line, hands_model_ns},
    {PERCEPT_FRAME_SCHEMA, sizeof(struct percept_frame), frame_line, NULL},
    {PERCEPT_HANDS_PRESENCE_SCHEMA, sizeof(struct percept_hands_presence), presence_line, NULL},
    {PERCEPT_INDICATOR_SCHEMA, sizeof(struct percept_indicator), indicator_line, NULL},
    {PERCEPT_CAPTIONS_SCHEMA, sizeof(struct percept_captions), captions_line, captions_model_ns},
    {PERCEPT_DEPTH_SCHEMA, sizeof(struct percept_depth), cli_depth_line, cli_depth_model_ns},
    {PERCEPT_PLANES_SCHEMA, sizeof(struct percept_planes), cli_planes_line, NULL},
    {PERCEPT_TENSORS_SCHEMA, sizeof(struct percept_tensors), cli_tensors_line, tensors_model_ns},
    {PERCEPT_TEXT_SCHEMA, sizeof(struct percept_text), text_line, text_model_ns},
    {PERCEPT_TEXT_PRESENCE_SCHEMA, sizeof(struct percept_text_presence), text_presence_line, NULL},
};

const struct cli_schema *cli_schema_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

/* ---- decoding by description ---- */

/* All of it: what some fields describe lies elsewhere in it. */
struct payload {
    const unsigned char *data;
    size_t size;
    size_t left; /* of it, for tensors */
};

static json_t *decode_struct(const struct cli_layout *layout, const unsigned char *at,
                             struct payload *payload);

static json_t *decode_text(const unsigned char *at, size_t size)
{
    char *text = strndup((const char *)at, size);
    json_t *value = cli_json_text(text);
    free(text);
    return value;
}

static json_t *decode_one(const struct cli_field *field, const unsigned char *at,
                          struct payload *payload)
{
    int64_t i64;
    uint32_t u32;
    float f32;
    switch (field->type) {
    case IPC_FIELD_I64:
    case IPC_FIELD_U64: /* JSON numbers stop at 2^63; no counter gets there */
        memcpy(&i64, at, sizeof i64);
        return json_integer(i64);
    case IPC_FIELD_U32:
        memcpy(&u32, at, sizeof u32);
        if (u32 < json_array_size(field->words))
            return json_incref(json_array_get(field->words, u32));
        return json_integer(u32);
    case IPC_FIELD_F32:
        memcpy(&f32, at, sizeof f32);
        /* JSON has no NaN and no infinity. */
        return f32 - f32 == 0 ? json_real((double)f32) : json_null();
    case IPC_FIELD_STRUCT:
        return decode_struct(field->layout, at, payload);
    case IPC_FIELD_TEXT:
    case IPC_FIELD_IMAGE:
    case IPC_FIELD_TENSOR:
        break;
    }
    return json_null();
}

static json_t *decode_array(const struct cli_field *field, const unsigned char *at, size_t count,
                            bool rows, struct payload *payload)
{
    json_t *array = json_array();
    size_t step = rows ? field->bytes * field->dims[1] : field->bytes;
    for (size_t i = 0; i < count; i++, at += step)
        json_array_append_new(array, rows ? decode_array(field, at, field->dims[1], false, payload)
                                          : decode_one(field, at, payload));
    return array;
}

static json_t *decode_field(const struct cli_field *field, const unsigned char *base,
                            struct payload *payload)
{
    const unsigned char *at = base + field->offset;
    if (field->type == IPC_FIELD_TENSOR)
        return cli_tensor_json(&field->tensor, base, payload->data, payload->size, &payload->left);
    if (field->type == IPC_FIELD_TEXT)
        return decode_text(at, field->dims[0]);
    if (!field->dims[0])
        return decode_one(field, at, payload);
    size_t count = field->dims[0];
    uint32_t used;
    if (field->count) {
        memcpy(&used, base + field->count->offset, sizeof used);
        count = used < count ? used : count;
    }
    return decode_array(field, at, count, field->dims[1] != 0, payload);
}

static json_t *decode_struct(const struct cli_layout *layout, const unsigned char *at,
                             struct payload *payload)
{
    json_t *object = json_object();
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct cli_field *field = &layout->fields[i];
        if (field->type != IPC_FIELD_IMAGE) /* pixels are not for reading */
            json_object_set_new(object, field->name, decode_field(field, at, payload));
    }
    return object;
}

static void hex(const void *data, size_t size, char text[2 * HEX_BYTES + 1])
{
    const unsigned char *bytes = data;
    text[0] = '\0';
    for (size_t i = 0; i < size && i < HEX_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

json_t *cli_decode_json(const struct cli_layout *layout, const void *data, size_t size)
{
    char text[2 * HEX_BYTES + 1];
    struct payload payload = {data, size, size};
    if (layout && size >= layout->size)
        return decode_struct(layout, data, &payload);
    hex(data, size, text);
    return json_pack("{s:I, s:s}", "size", (json_int_t)size, "hex", text);
}

void cli_decode_line(const struct cli_schema *schema, const struct cli_layout *layout,
                     const void *data, size_t size, FILE *file)
{
    char text[2 * HEX_BYTES + 1];
    if (schema && size >= schema->least) {
        schema->line(data, size, file);
        return;
    }
    if (layout && size >= layout->size) {
        struct payload payload = {data, size, size};
        json_t *value = decode_struct(layout, data, &payload);
        json_dumpf(value, file, JSON_COMPACT | JSON_REAL_PRECISION(4));
        json_decref(value);
        return;
    }
    hex(data, size, text);
    fprintf(file, "%zu bytes: %s%s", size, text, size > HEX_BYTES ? "..." : "");
}

/* ---- where descriptions come from ---- */

json_t *cli_description(const json_t *schemas, const char *schema)
{
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(schemas, "schemas"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name && strcmp(name, schema) == 0)
            return row;
    }
    return NULL;
}

enum percept_status cli_describe(struct percept_client *client, const char *schema,
                                 struct cli_layout **layout, struct percept_error *error)
{
    json_t *schemas;
    enum percept_status status = cli_query(client, "schemas", &schemas, error);
    if (status)
        return status;
    json_t *description = cli_description(schemas, schema);
    struct cli_layout *found = NULL;
    if (description)
        status = cli_layout_parse(description, &found, error);
    json_decref(schemas);
    if (status == PERCEPT_OK)
        *layout = found;
    return status;
}
