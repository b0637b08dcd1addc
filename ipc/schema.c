/* Why: one table says what is in the payloads, for all who can't include ipc/topics.h. */
#include "ipc/schema.h"

#include "ipc/topics.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- rows, as the compiler knows the members ---- */

#define MEMBER(type, member) (((struct type *)0)->member)
#define COUNT(array)         (sizeof(array) / sizeof((array)[0]))
#define NUMBER(value)                  \
    _Generic((value), int64_t          \
             : IPC_FIELD_I64, uint64_t \
             : IPC_FIELD_U64, uint32_t \
             : IPC_FIELD_U32, float    \
             : IPC_FIELD_F32)
#define AT(type_, member) .name = #member, .offset = offsetof(struct type_, member)

#define ONE(type_, member) AT(type_, member), .type = NUMBER(MEMBER(type_, member))
#define LIST(type_, member)                                      \
    AT(type_, member), .type = NUMBER(MEMBER(type_, member)[0]), \
                       .dims = {COUNT(MEMBER(type_, member))}
#define TABLE(type_, member)                                        \
    AT(type_, member), .type = NUMBER(MEMBER(type_, member)[0][0]), \
                       .dims = {COUNT(MEMBER(type_, member)), COUNT(MEMBER(type_, member)[0])}
#define TEXT(type_, member)                             \
    AT(type_, member),                                  \
        .type = _Generic(MEMBER(type_, member)[0], char \
                         : IPC_FIELD_TEXT),             \
        .dims = {sizeof MEMBER(type_, member)}
#define STRUCTS(type_, member, layout_)                                                  \
    AT(type_, member), .type = IPC_FIELD_STRUCT, .dims = {COUNT(MEMBER(type_, member))}, \
                       .layout = &(layout_)
#define RESERVED(type_, member)               \
    AT(type_, member), .type = IPC_FIELD_U32, \
                       .dims = {sizeof MEMBER(type_, member) / sizeof(uint32_t)}, .reserved = true
#define STRUCT(type_) .size = sizeof(struct type_), .fields = (const struct ipc_field[])

/* ---- the table ---- */

static const char *const handedness[] = {"left", "right", NULL};
static const char *const sensor_kinds[] = {"other", "camera", "recording", "microphone", NULL};
static const char *const pixel_formats[] = {"unknown", "rgb8", "gray8", NULL};
/* Where a percept_dtype has no number of ours there is a word all the same: words have no gaps. */
#define GAP "unknown"
static const char *const dtypes[] = {
    [PERCEPT_UINT8] = "uint8",
    [PERCEPT_INT8] = "int8",
    [PERCEPT_INT16] = "int16",
    [PERCEPT_INT32] = "int32",
    [PERCEPT_INT64] = "int64",
    [PERCEPT_FLOAT16] = "float16",
    [PERCEPT_FLOAT32] = "float32",
    [PERCEPT_FLOAT64] = "float64",
    [8] = GAP,
    [9] = GAP,
    [10] = GAP,
    [PERCEPT_BOOL] = "bool",
    [12] = GAP,
    [13] = GAP,
    [14] = GAP,
    [PERCEPT_BFLOAT16] = "bfloat16",
    [16] = GAP,
    [17] = GAP,
    [18] = GAP,
    [19] = GAP,
    [20] = GAP,
    [21] = GAP,
    [22] = GAP,
    [23] = GAP,
    [24] = GAP,
    [25] = GAP,
    [26] = GAP,
    [PERCEPT_UINT16] = "uint16",
    [PERCEPT_UINT32] = "uint32",
    [PERCEPT_UINT64] = "uint64",
    NULL,
};

static const struct ipc_struct hand = {STRUCT(percept_hand){
    {ONE(percept_hand, id)},
    {ONE(percept_hand, handedness), .words = handedness},
    {ONE(percept_hand, handedness_score)},
    {ONE(percept_hand, presence)},
    {ONE(percept_hand, detection_score)},
    {LIST(percept_hand, region_center), .unit = "px"},
    {ONE(percept_hand, region_size), .unit = "px"},
    {ONE(percept_hand, region_rotation), .unit = "rad"},
    {TABLE(percept_hand, image), .unit = "px"},
    {TABLE(percept_hand, world), .unit = "m"},
    {RESERVED(percept_hand, reserved)},
    {0},
}};

static const struct ipc_struct sensor = {STRUCT(percept_sensor){
    {ONE(percept_sensor, kind), .words = sensor_kinds},
    {ONE(percept_sensor, live)},
    {ONE(percept_sensor, since_ns), .unit = "ns"},
    {ONE(percept_sensor, reader_count)},
    {RESERVED(percept_sensor, reserved)},
    {TEXT(percept_sensor, pipeline)},
    {0},
}};

static const struct ipc_struct sensor_reader = {STRUCT(percept_sensor_reader){
    {ONE(percept_sensor_reader, sensor)},
    {ONE(percept_sensor_reader, uid)},
    {ONE(percept_sensor_reader, pid)},
    {TEXT(percept_sensor_reader, topic)},
    {TEXT(percept_sensor_reader, program)},
    {0},
}};

static const struct ipc_struct tensor = {STRUCT(percept_tensor){
    {TEXT(percept_tensor, name)},
    {ONE(percept_tensor, dtype), .words = dtypes},
    {ONE(percept_tensor, rank)},
    {LIST(percept_tensor, sizes), .count = "rank"},
    {ONE(percept_tensor, offset)},
    {ONE(percept_tensor, bytes)},
    {.name = "data", .type = IPC_FIELD_TENSOR, .offset = sizeof(struct percept_tensor)},
    {0},
}};

static const char *const action_kinds[] = {"other",   "url",  "phone", "email",
                                           "address", "date", "price", NULL};

static const struct ipc_struct text_line = {STRUCT(percept_text_line){
    {ONE(percept_text_line, id)},
    {ONE(percept_text_line, detection_score)},
    {ONE(percept_text_line, score)},
    {ONE(percept_text_line, seen)},
    {TABLE(percept_text_line, corners), .unit = "px"},
    {ONE(percept_text_line, first_ns), .unit = "ns"},
    {ONE(percept_text_line, read_ns), .unit = "ns"},
    {TEXT(percept_text_line, language)},
    {TEXT(percept_text_line, translation_language)},
    {TEXT(percept_text_line, text)},
    {TEXT(percept_text_line, translation)},
    {0},
}};

static const struct ipc_struct text_action = {STRUCT(percept_text_action){
    {ONE(percept_text_action, kind), .words = action_kinds},
    {ONE(percept_text_action, line)},
    {ONE(percept_text_action, begin)},
    {ONE(percept_text_action, end)},
    {TEXT(percept_text_action, value)},
    {0},
}};

static const struct ipc_struct caption = {STRUCT(percept_caption){
    {ONE(percept_caption, id)},
    {ONE(percept_caption, begin_ns), .unit = "ns"},
    {ONE(percept_caption, end_ns), .unit = "ns"},
    {ONE(percept_caption, final)},
    {ONE(percept_caption, version)},
    {ONE(percept_caption, stable_bytes)},
    {ONE(percept_caption, side)},
    {ONE(percept_caption, score)},
    {ONE(percept_caption, no_speech)},
    {TEXT(percept_caption, language)},
    {TEXT(percept_caption, translation_language)},
    {TEXT(percept_caption, text)},
    {TEXT(percept_caption, translation)},
    {0},
}};

static const struct ipc_struct plane = {STRUCT(percept_plane){
    {LIST(percept_plane, normal)},
    {ONE(percept_plane, distance_m), .unit = "m"},
    {LIST(percept_plane, center), .unit = "m"},
    {TABLE(percept_plane, axes)},
    {LIST(percept_plane, extent_m), .unit = "m"},
    {ONE(percept_plane, share)},
    {ONE(percept_plane, residual_m), .unit = "m"},
    {ONE(percept_plane, id)},
    {RESERVED(percept_plane, reserved)},
    {0},
}};

static const struct ipc_schema schemas[] = {
    {PERCEPT_HANDS_SCHEMA,
     {STRUCT(percept_hands){
         {ONE(percept_hands, capture_ns), .unit = "ns"},
         {ONE(percept_hands, model_ns), .unit = "ns"},
         {ONE(percept_hands, frame)},
         {ONE(percept_hands, image_width), .unit = "px"},
         {ONE(percept_hands, image_height), .unit = "px"},
         {ONE(percept_hands, hand_count)},
         {ONE(percept_hands, detector_ran)},
         {STRUCTS(percept_hands, hands, hand), .count = "hand_count"},
         {0},
     }}},
    {PERCEPT_FRAME_SCHEMA,
     {STRUCT(percept_frame){
         {ONE(percept_frame, capture_ns), .unit = "ns"},
         {ONE(percept_frame, frame)},
         {ONE(percept_frame, width), .unit = "px"},
         {ONE(percept_frame, height), .unit = "px"},
         {ONE(percept_frame, stride)},
         {ONE(percept_frame, format), .words = pixel_formats},
         {AT(percept_frame, pixels), .type = IPC_FIELD_IMAGE},
         {0},
     }}},
    {PERCEPT_HANDS_PRESENCE_SCHEMA,
     {STRUCT(percept_hands_presence){
         {ONE(percept_hands_presence, capture_ns), .unit = "ns"},
         {ONE(percept_hands_presence, since_ns), .unit = "ns"},
         {ONE(percept_hands_presence, hand_count)},
         {ONE(percept_hands_presence, reserved), .reserved = true},
         {0},
     }}},
    {PERCEPT_TENSORS_SCHEMA,
     {STRUCT(percept_tensors){
         {ONE(percept_tensors, capture_ns), .unit = "ns"},
         {ONE(percept_tensors, model_ns), .unit = "ns"},
         {ONE(percept_tensors, frame)},
         {ONE(percept_tensors, image_width), .unit = "px"},
         {ONE(percept_tensors, image_height), .unit = "px"},
         {LIST(percept_tensors, image_rect), .unit = "px"},
         {ONE(percept_tensors, tensor_count)},
         {ONE(percept_tensors, reserved), .reserved = true},
         {STRUCTS(percept_tensors, tensors, tensor), .count = "tensor_count"},
         {0},
     }}},
    {PERCEPT_TEXT_SCHEMA,
     {STRUCT(percept_text){
         {ONE(percept_text, capture_ns), .unit = "ns"},
         {ONE(percept_text, model_ns), .unit = "ns"},
         {ONE(percept_text, frame)},
         {ONE(percept_text, image_width), .unit = "px"},
         {ONE(percept_text, image_height), .unit = "px"},
         {ONE(percept_text, line_count)},
         {ONE(percept_text, action_count)},
         {STRUCTS(percept_text, lines, text_line), .count = "line_count"},
         {STRUCTS(percept_text, actions, text_action), .count = "action_count"},
         {0},
     }}},
    {PERCEPT_TEXT_SELECTED_SCHEMA,
     {STRUCT(percept_text_selected){
         {ONE(percept_text_selected, capture_ns), .unit = "ns"},
         {ONE(percept_text_selected, since_ns), .unit = "ns"},
         {ONE(percept_text_selected, selected)},
         {ONE(percept_text_selected, hand)},
         {LIST(percept_text_selected, point), .unit = "px"},
         {ONE(percept_text_selected, action_count)},
         {ONE(percept_text_selected, reserved), .reserved = true},
         {AT(percept_text_selected, line), .type = IPC_FIELD_STRUCT, .layout = &text_line},
         {STRUCTS(percept_text_selected, actions, text_action), .count = "action_count"},
         {0},
     }}},
    {PERCEPT_TEXT_PRESENCE_SCHEMA,
     {STRUCT(percept_text_presence){
         {ONE(percept_text_presence, capture_ns), .unit = "ns"},
         {ONE(percept_text_presence, since_ns), .unit = "ns"},
         {ONE(percept_text_presence, line_count)},
         {ONE(percept_text_presence, reserved), .reserved = true},
         {0},
     }}},
    {PERCEPT_CAPTIONS_SCHEMA,
     {STRUCT(percept_captions){
         {ONE(percept_captions, capture_ns), .unit = "ns"},
         {ONE(percept_captions, model_ns), .unit = "ns"},
         {ONE(percept_captions, speaking)},
         {ONE(percept_captions, caption_count)},
         {STRUCTS(percept_captions, captions, caption), .count = "caption_count"},
         {0},
     }}},
    {PERCEPT_DEPTH_SCHEMA,
     {STRUCT(percept_depth){
         {ONE(percept_depth, capture_ns), .unit = "ns"},
         {ONE(percept_depth, model_ns), .unit = "ns"},
         {ONE(percept_depth, frame)},
         {ONE(percept_depth, width), .unit = "px"},
         {ONE(percept_depth, height), .unit = "px"},
         {ONE(percept_depth, flags)},
         {ONE(percept_depth, pose_known)},
         {ONE(percept_depth, fx), .unit = "px"},
         {ONE(percept_depth, fy), .unit = "px"},
         {ONE(percept_depth, cx), .unit = "px"},
         {ONE(percept_depth, cy), .unit = "px"},
         {ONE(percept_depth, baseline_m), .unit = "m"},
         {ONE(percept_depth, near_m), .unit = "m"},
         {ONE(percept_depth, far_m), .unit = "m"},
         {ONE(percept_depth, vertical_px), .unit = "px"},
         {ONE(percept_depth, known)},
         {LIST(percept_depth, position_m), .unit = "m"},
         {LIST(percept_depth, orientation)},
         {ONE(percept_depth, map_count)},
         {ONE(percept_depth, reserved), .reserved = true},
         {STRUCTS(percept_depth, maps, tensor), .count = "map_count"},
         {0},
     }}},
    {PERCEPT_PLANES_SCHEMA,
     {STRUCT(percept_planes){
         {ONE(percept_planes, capture_ns), .unit = "ns"},
         {ONE(percept_planes, frame)},
         {ONE(percept_planes, plane_count)},
         {ONE(percept_planes, flags)},
         {STRUCTS(percept_planes, planes, plane), .count = "plane_count"},
         {0},
     }}},
    {PERCEPT_INDICATOR_SCHEMA,
     {STRUCT(percept_indicator){
         {ONE(percept_indicator, time_ns), .unit = "ns"},
         {ONE(percept_indicator, sensor_count)},
         {ONE(percept_indicator, reader_count)},
         {STRUCTS(percept_indicator, sensors, sensor), .count = "sensor_count"},
         {STRUCTS(percept_indicator, readers, sensor_reader), .count = "reader_count"},
         {0},
     }}},
};

const struct ipc_schema *ipc_schema_at(size_t index)
{
    return index < COUNT(schemas) ? &schemas[index] : NULL;
}

/* ---- as JSON: names are C identifiers and words plain, so nothing needs escaping ---- */

static void write_fields(const struct ipc_struct *layout, FILE *file);

static void write_field(const struct ipc_field *field, FILE *file)
{
    static const char *const types[] = {
        [IPC_FIELD_I64] = "i64",     [IPC_FIELD_U64] = "u64",       [IPC_FIELD_U32] = "u32",
        [IPC_FIELD_F32] = "f32",     [IPC_FIELD_TEXT] = "text",     [IPC_FIELD_STRUCT] = "struct",
        [IPC_FIELD_IMAGE] = "image", [IPC_FIELD_TENSOR] = "tensor",
    };
    fprintf(file, "{\"name\": \"%s\", \"type\": \"%s\", \"offset\": %zu", field->name,
            types[field->type], field->offset);
    if (field->dims[0])
        fprintf(file, ", \"shape\": [%zu", field->dims[0]);
    if (field->dims[1])
        fprintf(file, ", %zu", field->dims[1]);
    if (field->dims[0])
        putc(']', file);
    if (field->unit)
        fprintf(file, ", \"unit\": \"%s\"", field->unit);
    for (size_t i = 0; field->words && field->words[i]; i++)
        fprintf(file, "%s\"%s\"", i ? ", " : ", \"words\": [", field->words[i]);
    if (field->words)
        putc(']', file);
    if (field->count)
        fprintf(file, ", \"count\": \"%s\"", field->count);
    if (field->layout)
        write_fields(field->layout, file);
    putc('}', file);
}

static void write_fields(const struct ipc_struct *layout, FILE *file)
{
    bool first = true;
    fprintf(file, ", \"size\": %zu, \"fields\": [", layout->size);
    for (const struct ipc_field *field = layout->fields; field->name; field++) {
        if (field->reserved)
            continue;
        if (!first)
            fputs(", ", file);
        first = false;
        write_field(field, file);
    }
    putc(']', file);
}

char *ipc_schemas_json(void)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    fputs("{\"schemas\": [", file);
    for (size_t i = 0; i < COUNT(schemas); i++) {
        fprintf(file, "%s{\"name\": \"%s\"", i ? ", " : "", schemas[i].name);
        write_fields(&schemas[i].layout, file);
        putc('}', file);
    }
    fputs("]}", file);
    bool whole = fclose(file) == 0;
    if (whole)
        return text;
    free(text);
    return NULL;
}
