#include "cli/decode.h"

#include "cli/cli.h"
#include "cli/decode_tensors.h"
#include "ipc/topics.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define HEX_BYTES 64

enum field_kind {
    FIELD_I64,
    FIELD_U64,
    FIELD_U32,
    FIELD_F32,
    FIELD_WORD,
    FIELD_TEXT,
    FIELD_STRUCT
};
#define TEXT_BYTES 64 /* FIELD_TEXT: NUL-terminated within these */

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    unsigned dims[2];                /* of an array; 0, 0: a single one */
    const char *const *words;        /* FIELD_WORD: text of 0, 1, ...; ends with NULL */
    const struct cli_struct *layout; /* FIELD_STRUCT */
    size_t count_offset; /* FIELD_STRUCT array: where the u32 with the used length stands */
};

struct cli_struct {
    size_t size;
    const struct field *fields; /* ends with a field without a name */
};

/* ---- the layouts ---- */

#define IN(type, member) offsetof(struct type, member)

static const char *const handedness_words[] = {"left", "right", NULL};

static const struct cli_struct hand_layout = {
    sizeof(struct percept_hand),
    (const struct field[]){
        {.name = "id", FIELD_U32, IN(percept_hand, id)},
        {.name = "handedness", FIELD_WORD, IN(percept_hand, handedness), .words = handedness_words},
        {.name = "handedness_score", FIELD_F32, IN(percept_hand, handedness_score)},
        {.name = "presence", FIELD_F32, IN(percept_hand, presence)},
        {.name = "detection_score", FIELD_F32, IN(percept_hand, detection_score)},
        {.name = "region_center", FIELD_F32, IN(percept_hand, region_center), {2}},
        {.name = "region_size", FIELD_F32, IN(percept_hand, region_size)},
        {.name = "region_rotation", FIELD_F32, IN(percept_hand, region_rotation)},
        {.name = "image", FIELD_F32, IN(percept_hand, image), {PERCEPT_HAND_LANDMARKS, 3}},
        {.name = "world", FIELD_F32, IN(percept_hand, world), {PERCEPT_HAND_LANDMARKS, 3}},
        {0},
    },
};

static const struct cli_struct hands_layout = {
    sizeof(struct percept_hands),
    (const struct field[]){
        {.name = "capture_ns", FIELD_I64, IN(percept_hands, capture_ns)},
        {.name = "model_ns", FIELD_I64, IN(percept_hands, model_ns)},
        {.name = "frame", FIELD_U64, IN(percept_hands, frame)},
        {.name = "image_width", FIELD_U32, IN(percept_hands, image_width)},
        {.name = "image_height", FIELD_U32, IN(percept_hands, image_height)},
        {.name = "hand_count", FIELD_U32, IN(percept_hands, hand_count)},
        {.name = "detector_ran", FIELD_U32, IN(percept_hands, detector_ran)},
        {.name = "hands",
         FIELD_STRUCT,
         IN(percept_hands, hands),
         {PERCEPT_HANDS_MAX},
         .layout = &hand_layout,
         .count_offset = IN(percept_hands, hand_count)},
        {0},
    },
};

static const char *const format_words[] = {"unknown", "rgb8", "gray8", NULL};

static const struct cli_struct frame_layout = {
    sizeof(struct percept_frame),
    (const struct field[]){
        {.name = "capture_ns", FIELD_I64, IN(percept_frame, capture_ns)},
        {.name = "frame", FIELD_U64, IN(percept_frame, frame)},
        {.name = "width", FIELD_U32, IN(percept_frame, width)},
        {.name = "height", FIELD_U32, IN(percept_frame, height)},
        {.name = "stride", FIELD_U32, IN(percept_frame, stride)},
        {.name = "format", FIELD_WORD, IN(percept_frame, format), .words = format_words},
        {0},
    },
};

static const struct cli_struct presence_layout = {
    sizeof(struct percept_hands_presence),
    (const struct field[]){
        {.name = "capture_ns", FIELD_I64, IN(percept_hands_presence, capture_ns)},
        {.name = "since_ns", FIELD_I64, IN(percept_hands_presence, since_ns)},
        {.name = "hand_count", FIELD_U32, IN(percept_hands_presence, hand_count)},
        {0},
    },
};

static const char *const sensor_words[] = {"other", "camera", "recording", NULL};

static const struct cli_struct sensor_layout = {
    sizeof(struct percept_sensor),
    (const struct field[]){
        {.name = "kind", FIELD_WORD, IN(percept_sensor, kind), .words = sensor_words},
        {.name = "live", FIELD_U32, IN(percept_sensor, live)},
        {.name = "since_ns", FIELD_I64, IN(percept_sensor, since_ns)},
        {.name = "reader_count", FIELD_U32, IN(percept_sensor, reader_count)},
        {.name = "pipeline", FIELD_TEXT, IN(percept_sensor, pipeline)},
        {0},
    },
};

static const struct cli_struct reader_layout = {
    sizeof(struct percept_sensor_reader),
    (const struct field[]){
        {.name = "sensor", FIELD_U32, IN(percept_sensor_reader, sensor)},
        {.name = "uid", FIELD_U32, IN(percept_sensor_reader, uid)},
        {.name = "pid", FIELD_I64, IN(percept_sensor_reader, pid)},
        {.name = "topic", FIELD_TEXT, IN(percept_sensor_reader, topic)},
        {.name = "program", FIELD_TEXT, IN(percept_sensor_reader, program)},
        {0},
    },
};

static const struct cli_struct indicator_layout = {
    sizeof(struct percept_indicator),
    (const struct field[]){
        {.name = "time_ns", FIELD_I64, IN(percept_indicator, time_ns)},
        {.name = "sensor_count", FIELD_U32, IN(percept_indicator, sensor_count)},
        {.name = "reader_count", FIELD_U32, IN(percept_indicator, reader_count)},
        {.name = "sensors",
         FIELD_STRUCT,
         IN(percept_indicator, sensors),
         {PERCEPT_SENSORS_MAX},
         .layout = &sensor_layout,
         .count_offset = IN(percept_indicator, sensor_count)},
        {.name = "readers",
         FIELD_STRUCT,
         IN(percept_indicator, readers),
         {PERCEPT_SENSOR_READERS_MAX},
         .layout = &reader_layout,
         .count_offset = IN(percept_indicator, reader_count)},
        {0},
    },
};

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
                sensor->kind < 3 ? sensor_words[sensor->kind] : "sensor", sensor->pipeline,
                sensor->live ? "is live" : "is off");
        for (uint32_t r = 0; r < indicator->reader_count && r < PERCEPT_SENSOR_READERS_MAX; r++) {
            const struct percept_sensor_reader *reader = &indicator->readers[r];
            char program[TEXT_BYTES];
            if (reader->sensor != s)
                continue;
            snprintf(program, sizeof program, "%.63s", reader->program);
            fprintf(file, ", %.63s read by ", reader->topic);
            cli_print_text(program[0] ? program : "?", file);
            fprintf(file, " (user %u, pid %lld)", reader->uid, (long long)reader->pid);
        }
    }
}

static int64_t tensors_model_ns(const void *data)
{
    return ((const struct percept_tensors *)data)->model_ns;
}

/* ---- the table ---- */

static const struct cli_schema schemas[] = {
    {PERCEPT_HANDS_SCHEMA, sizeof(struct percept_hands), &hands_layout, hands_line, NULL,
     hands_model_ns},
    {PERCEPT_FRAME_SCHEMA, sizeof(struct percept_frame), &frame_layout, frame_line, NULL, NULL},
    {PERCEPT_HANDS_PRESENCE_SCHEMA, sizeof(struct percept_hands_presence), &presence_layout,
     presence_line, NULL, NULL},
    {PERCEPT_INDICATOR_SCHEMA, sizeof(struct percept_indicator), &indicator_layout, indicator_line,
     NULL, NULL},
    {PERCEPT_TENSORS_SCHEMA, sizeof(struct percept_tensors), NULL, cli_tensors_line,
     cli_tensors_json, tensors_model_ns},
};

const struct cli_schema *cli_schema_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof schemas / sizeof schemas[0]; i++)
        if (strcmp(schemas[i].name, name) == 0)
            return &schemas[i];
    return NULL;
}

/* ---- decoding by table ---- */

static const size_t element_sizes[] = {
    [FIELD_I64] = 8, [FIELD_U64] = 8, [FIELD_U32] = 4, [FIELD_F32] = 4, [FIELD_WORD] = 4,
};

static json_t *decode_struct(const struct cli_struct *layout, const unsigned char *at);

static json_t *decode_one(const struct field *field, const unsigned char *at)
{
    int64_t i64;
    uint32_t u32;
    float f32;
    char text[TEXT_BYTES + 1];
    switch (field->kind) {
    case FIELD_I64:
    case FIELD_U64: /* JSON numbers stop at 2^63; no counter gets there */
        memcpy(&i64, at, sizeof i64);
        return json_integer(i64);
    case FIELD_U32:
        memcpy(&u32, at, sizeof u32);
        return json_integer(u32);
    case FIELD_F32:
        memcpy(&f32, at, sizeof f32);
        /* JSON has no NaN and no infinity. */
        return f32 - f32 == 0 ? json_real((double)f32) : json_null();
    case FIELD_WORD:
        memcpy(&u32, at, sizeof u32);
        for (uint32_t i = 0; field->words[i]; i++)
            if (i == u32)
                return json_string(field->words[i]);
        return json_integer(u32);
    case FIELD_TEXT:
        memcpy(text, at, TEXT_BYTES);
        text[TEXT_BYTES] = '\0';
        return cli_json_text(text);
    case FIELD_STRUCT:
        return decode_struct(field->layout, at);
    }
    return json_null();
}

static json_t *decode_array(const struct field *field, const unsigned char *at, unsigned count,
                            size_t step, bool rows)
{
    json_t *array = json_array();
    size_t inner = field->dims[1] ? step / field->dims[1] : step;
    for (unsigned i = 0; i < count; i++, at += step)
        json_array_append_new(array, rows ? decode_array(field, at, field->dims[1], inner, false)
                                          : decode_one(field, at));
    return array;
}

static json_t *decode_struct(const struct cli_struct *layout, const unsigned char *at)
{
    json_t *object = json_object();
    for (const struct field *field = layout->fields; field->name; field++) {
        const unsigned char *data = at + field->offset;
        json_t *value;
        if (!field->dims[0]) {
            value = decode_one(field, data);
        } else {
            size_t size =
                field->kind == FIELD_STRUCT ? field->layout->size : element_sizes[field->kind];
            unsigned count = field->dims[0];
            uint32_t used = count;
            if (field->count_offset)
                memcpy(&used, at + field->count_offset, sizeof used);
            bool rows = field->dims[1] != 0;
            value = decode_array(field, data, used < count ? used : count,
                                 rows ? size * field->dims[1] : size, rows);
        }
        json_object_set_new(object, field->name, value);
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

json_t *cli_decode_json(const struct cli_schema *schema, const void *data, size_t size)
{
    char text[2 * HEX_BYTES + 1];
    if (schema && size >= schema->least)
        return schema->json ? schema->json(data, size) : decode_struct(schema->layout, data);
    hex(data, size, text);
    return json_pack("{s:I, s:s}", "size", (json_int_t)size, "hex", text);
}

void cli_decode_line(const struct cli_schema *schema, const void *data, size_t size, FILE *file)
{
    char text[2 * HEX_BYTES + 1];
    if (schema && size >= schema->least) {
        schema->line(data, size, file);
        return;
    }
    hex(data, size, text);
    fprintf(file, "%zu bytes: %s%s", size, text, size > HEX_BYTES ? "..." : "");
}
