/* Why: see graph_image.h. An image is written with the addresses that it has just then, and read by
 * moving them: one walk over all pointers of a graph measures, writes and reads. */
#include "runtime/graph_image.h"

#include "base/checked.h"
#include "runtime/graph_parcel.h"
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16 }; /* of all that is pointed to */
enum { MOST_BYTES = 64 << 20 };

struct head {
    uintptr_t was;    /* the address of the image */
    uintptr_t *files; /* those of the program's files */
    uint32_t file_count;
    struct prt_graph graph;
};

struct walk {
    enum { MEASURE, WRITE, READ } mode;
    unsigned char *image;
    size_t used, size;
    const struct prt_program *program;
    const struct head *head;
    struct base_arena *arena;              /* READ: for what is changed */
    const struct prt_image_parcel *parcel; /* NULL: what is in the program's files stays there */
    uint32_t value;                        /* whose turn it is */
    size_t absent;                         /* of a parcel: where what is not in it would lie */
};

enum { STAYS, CHANGES }; /* may what is pointed to stay in an image that cannot be written to? */

/* ---- one pointer ---- */

/* Is at one of the image's addresses, as they were? Sets where. */
static bool is_inside(const struct walk *walk, const void *at, size_t bytes, size_t *offset)
{
    *offset = (uintptr_t)at - walk->head->was;
    return (uintptr_t)at >= walk->head->was && base_range_inside(*offset, bytes, walk->size);
}

/* Let the pointer *field to `bytes` bytes be one into the image, or from the image on. */
static bool take_bytes(struct walk *walk, void *field, size_t bytes, int how)
{
    void *at;
    size_t offset, padded;
    memcpy(&at, field, sizeof at);
    if (walk->mode == READ) {
        if (!is_inside(walk, at, bytes, &offset) || offset % ALIGNMENT)
            return false;
        at = walk->image + offset;
        if (how == CHANGES && !(at = base_arena_copy(walk->arena, at, bytes)))
            return false;
    } else {
        if (walk->mode == WRITE) {
            if (bytes)
                memcpy(walk->image + walk->used, at, bytes);
            at = walk->image + walk->used;
        }
        if (!base_align_size(bytes, ALIGNMENT, &padded) ||
            !base_add_size(walk->used, padded, &walk->used))
            return false;
    }
    if (walk->mode != MEASURE)
        memcpy(field, &at, sizeof at);
    return true;
}

static bool take_array(struct walk *walk, void *field, size_t count, size_t size, int how)
{
    size_t bytes;
    return count == 0 ||
           (base_mul_size(count, size, &bytes) && take_bytes(walk, field, bytes, how));
}
#define TAKE(walk, field, count, how)    take_array(walk, &(field), count, sizeof *(field), how)
#define TAKE_IF(walk, field, count, how) (!(field) || TAKE(walk, field, count, how))

static bool take_text(struct walk *walk, const char **text)
{
    size_t offset, length;
    if (!*text)
        return true;
    if (walk->mode != READ)
        length = strlen(*text);
    else if (is_inside(walk, *text, 1, &offset))
        length = strnlen((const char *)walk->image + offset, walk->size - offset);
    else
        return false;
    return take_bytes(walk, text, length + 1, STAYS); /* which fails when no 0 ends it */
}

/* ---- data ---- */

/* The file that bytes stayed in, with *data where they are in it now; NULL when there is none. */
static const struct prt_file *find_in_file(const struct walk *walk, const void **data, size_t bytes)
{
    for (uint32_t i = 0; i < walk->head->file_count; i++) {
        const struct prt_file *file = prt_program_file(walk->program, i);
        uintptr_t at = (uintptr_t)*data, begin = walk->head->files[i];
        if (at < begin || !base_range_inside(at - begin, bytes, file->bytes.size))
            continue;
        *data = file->bytes.data + (at - begin);
        return file;
    }
    return NULL;
}

/* Let data that stayed in a file be there again, to be read now or, deferred, by who packs it. */
static bool find_data(const struct walk *walk, struct prt_value *value)
{
    struct prt_identity identity;
    size_t stored = prt_deferred_stored(value);
    const struct prt_file *file = find_in_file(walk, &value->data, stored);
    if (!file)
        return false;
    return value->flags & PRT_FLAG_DEFERRED
               ? prt_file_identity(file, value->data, stored, &identity)
               : prt_file_need(file, value->data, value->bytes, NULL) == PERCEPT_OK;
}

/* Of a parcel: room in the image for what the constant is, to be read from wherever that lies. */
static bool put_data(struct walk *walk, struct prt_value *value)
{
    const struct prt_image_parcel *parcel = walk->parcel;
    size_t at = walk->used, padded;
    if (!parcel->sources[walk->value].is_sent) {
        if (walk->mode == WRITE)
            value->data = walk->image + walk->absent;
        return true;
    }
    if (!base_align_size(value->bytes, ALIGNMENT, &padded) ||
        !base_add_size(walk->used, padded, &walk->used))
        return false;
    if (walk->mode == MEASURE)
        return true;
    value->data = walk->image + at;
    return prt_deferred_read(parcel->graph, parcel->sources[walk->value].id, walk->image + at,
                             NULL) == PERCEPT_OK;
}

static bool take_data(struct walk *walk, struct prt_value *value)
{
    size_t offset;
    if (walk->parcel)
        return !value->data || put_data(walk, value);
    bool half_bytes = value->flags & PRT_FLAG_HALF_BYTES;
    if (half_bytes && (!(value->flags & PRT_FLAG_DEFERRED) || value->tensor.dtype != PRT_I8 ||
                       value->bytes % 2 || value->factors))
        return false;
    if (!value->data)
        return !half_bytes;
    if (walk->mode == READ)
        return !(value->flags & PRT_FLAG_DEFERRED) &&
                       is_inside(walk, value->data, value->bytes, &offset)
                   ? take_bytes(walk, &value->data, value->bytes, STAYS)
                   : find_data(walk, value);
    bool small =
        value->bytes <= PRT_DEFERRED_LARGE && !(value->flags & PRT_FLAG_STATE); /* outlives us */
    bool stays = value->flags & PRT_FLAG_DEFERRED ||
                 (!small && prt_program_file_of(walk->program, value->data));
    return stays || take_bytes(walk, &value->data, value->bytes, STAYS);
}

static bool take_factors(struct walk *walk, struct prt_value *value)
{
    struct prt_factors *by = NULL;
    if (!value->factors)
        return true;
    if (!TAKE(walk, value->factors, 1, CHANGES))
        return false;
    by = (struct prt_factors *)(uintptr_t)value->factors; /* ours, in the image or the arena */
    if (by->axis >= value->tensor.rank || value->tensor.rank > PRT_MAX_RANK ||
        value->tensor.sizes[by->axis] < 0)
        return false;
    return TAKE(walk, by->factors, (size_t)value->tensor.sizes[by->axis], STAYS);
}

/* ---- all of a graph ---- */

/* Are these bytes flags? */
static bool are_flags(const void *flags, size_t count)
{
    const unsigned char *bytes = flags;
    for (size_t i = 0; i < count; i++)
        if (bytes[i] > 1)
            return false;
    return true;
}

static bool take_value(struct walk *walk, struct prt_value *value)
{
    if (!take_text(walk, &value->name))
        return false;
    switch (value->kind) {
    case PRT_VALUE_NONE:
    case PRT_VALUE_INT:
    case PRT_VALUE_DOUBLE:
        return true;
    case PRT_VALUE_BOOL:
        return are_flags(&value->b, 1);
    case PRT_VALUE_STRING:
        return take_text(walk, &value->string.text);
    case PRT_VALUE_INT_LIST:
        return !value->list.ids && TAKE(walk, value->list.ints, value->list.count, STAYS);
    case PRT_VALUE_DOUBLE_LIST:
        return TAKE(walk, value->list.doubles, value->list.count, STAYS);
    case PRT_VALUE_BOOL_LIST:
        return TAKE(walk, value->list.bools, value->list.count, STAYS) &&
               are_flags(value->list.bools, value->list.count);
    case PRT_VALUE_TENSOR: {
        struct prt_quant *quant = &value->tensor.quant;
        bool channels = quant->kind == PRT_QUANT_PER_CHANNEL;
        return (!channels || (TAKE_IF(walk, quant->scales, quant->count, STAYS) &&
                              TAKE_IF(walk, quant->zero_points, quant->count, STAYS))) &&
               take_factors(walk, value) && take_data(walk, value);
    }
    case PRT_VALUE_TENSOR_LIST:
    case PRT_VALUE_AT_RUN:
        break;
    }
    return false;
}

/* A payload stays in its file. */
static bool take_blob(struct walk *walk, struct prt_blob_attrs *blob)
{
    if (!blob->delegate || !take_text(walk, &blob->delegate) || !take_text(walk, &blob->device))
        return false;
    if (walk->parcel || (walk->mode == READ && !walk->program))
        return take_bytes(walk, &blob->payload, blob->bytes, STAYS);
    if (walk->mode != READ)
        return prt_program_file_of(walk->program, blob->payload) != NULL;
    const struct prt_file *file = find_in_file(walk, &blob->payload, blob->bytes);
    return file && prt_file_need(file, blob->payload, blob->bytes, NULL) == PERCEPT_OK;
}

static bool take_node(struct walk *walk, struct prt_node *node)
{
    struct prt_rescale_attrs *rescale = node->op == PRT_OP_RESCALE ? &node->attrs.rescale : NULL;
    return are_flags(&node->removed, 1) && prt_graph_image_attrs(node) &&
           take_text(walk, &node->name) && TAKE(walk, node->inputs, node->input_count, STAYS) &&
           TAKE(walk, node->outputs, node->output_count, STAYS) &&
           (!rescale || (TAKE(walk, rescale->multipliers, rescale->count, STAYS) &&
                         TAKE(walk, rescale->shifts, rescale->count, STAYS))) &&
           (node->op != PRT_OP_BLOB || take_blob(walk, &node->attrs.blob));
}

static bool take_graph(struct walk *walk, struct prt_graph *graph)
{
    bool taken = TAKE(walk, graph->values, graph->value_count, CHANGES) &&
                 TAKE(walk, graph->nodes, graph->node_count, CHANGES) &&
                 TAKE(walk, graph->inputs, graph->input_count, STAYS) &&
                 TAKE(walk, graph->outputs, graph->output_count, STAYS) &&
                 TAKE(walk, graph->states, graph->state_count, STAYS) &&
                 TAKE(walk, graph->data_sizes, graph->data_size_count, STAYS);
    for (walk->value = 0; walk->value < graph->value_count && taken; walk->value++)
        taken = take_value(walk, &graph->values[walk->value]);
    for (uint32_t i = 0; i < graph->node_count && taken; i++)
        taken = take_node(walk, &graph->nodes[i]);
    return taken;
}

/* ---- writing ---- */

/* New ids, by old ones, of the values that somebody reads or a node writes: passes leave as many
 * again that are neither. Returns how many. */
static uint32_t number_values(const struct prt_graph *graph, uint32_t *ids)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const uint32_t kept = PRT_FLAG_INPUT | PRT_FLAG_OUTPUT | PRT_FLAG_STATE;
        const struct prt_value *value = &graph->values[i];
        bool lives = value->uses || value->flags & kept || value->producer != PRT_NO_VALUE;
        ids[i] = lives ? count++ : PRT_NO_VALUE;
    }
    return count;
}

/* A copy of a list of values by their new ids. */
static uint32_t *renumbered(struct base_arena *arena, const uint32_t *list, uint32_t count,
                            const uint32_t *ids)
{
    uint32_t *copy = base_arena_array(arena, count, sizeof *copy);
    for (uint32_t i = 0; copy && i < count; i++)
        copy[i] = list[i] == PRT_NO_VALUE ? PRT_NO_VALUE : ids[list[i]];
    return copy;
}

/* A copy of the graph without values that nobody reads, in the copy's arena. */
static bool copy_living(const struct prt_graph *graph, struct prt_graph *copy)
{
    struct base_arena *arena = &copy->arena;
    uint32_t *ids = base_arena_array(arena, graph->value_count, sizeof *ids);
    if (!ids)
        return false;
    copy->value_count = copy->value_capacity = number_values(graph, ids);
    copy->node_count = copy->node_capacity = graph->node_count;
    copy->values = base_arena_array(arena, copy->value_count, sizeof *copy->values);
    copy->nodes = base_arena_array(arena, graph->node_count, sizeof *copy->nodes);
    copy->inputs = renumbered(arena, graph->inputs, graph->input_count, ids);
    copy->outputs = renumbered(arena, graph->outputs, graph->output_count, ids);
    copy->states = base_arena_array(arena, graph->state_count, sizeof *copy->states);
    if (!copy->values || !copy->nodes || !copy->inputs || !copy->outputs || !copy->states)
        return false;
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (ids[i] != PRT_NO_VALUE)
            copy->values[ids[i]] = graph->values[i];
    for (uint32_t i = 0; i < graph->node_count; i++) {
        struct prt_node *node = &copy->nodes[i];
        *node = graph->nodes[i];
        node->inputs = renumbered(arena, node->inputs, node->input_count, ids);
        node->outputs = renumbered(arena, node->outputs, node->output_count, ids);
        if (!node->inputs || !node->outputs)
            return false;
    }
    for (uint32_t i = 0; i < graph->state_count; i++) {
        copy->states[i] = graph->states[i];
        copy->states[i].value = ids[graph->states[i].value];
    }
    copy->input_count = graph->input_count;
    copy->output_count = graph->output_count;
    copy->state_count = graph->state_count;
    copy->data_sizes = graph->data_sizes;
    copy->data_size_count = graph->data_size_count;
    copy->hidden_output_count = graph->hidden_output_count;
    return true;
}

static bool write_head(struct walk *walk, struct head *head)
{
    walk->used = (sizeof *head + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return TAKE(walk, head->files, head->file_count, STAYS) && take_graph(walk, &head->graph);
}

static void *write_image(const struct prt_program *program, const struct head *head,
                         const struct prt_image_parcel *parcel, size_t *bytes)
{
    struct walk walk = {.mode = MEASURE, .program = program, .parcel = parcel};
    struct head measured = *head;
    size_t total;
    if (!write_head(&walk, &measured) || (!parcel && walk.used > MOST_BYTES))
        return NULL;
    walk.absent = walk.used;
    if (!base_add_size(walk.used, parcel ? parcel->absent_bytes : 0, &total))
        return NULL;
    struct head *image = parcel ? parcel->allocate(parcel->context, total) : calloc(1, total);
    if (!image)
        return NULL;
    *image = *head;
    image->was = (uintptr_t)image;
    memset(&image->graph.arena, 0, sizeof image->graph.arena);
    *bytes = total;
    walk.mode = WRITE;
    walk.image = (unsigned char *)image;
    if (write_head(&walk, image))
        return image;
    if (!parcel) /* else its memory is the caller's */
        free(image);
    return NULL;
}

void *prt_graph_image_parcel(const struct prt_image_parcel *parcel, const struct prt_graph *copy,
                             size_t *bytes)
{
    struct head head = {.graph = *copy};
    head.graph.program = NULL;
    return write_image(NULL, &head, parcel, bytes);
}

/* Nobody has to read it before it is known whether the cache has it. */
static void defer(void *context, struct prt_value *value, const struct prt_identity *identity)
{
    (void)context, (void)identity;
    value->flags |= PRT_FLAG_DEFERRED;
}

void *prt_graph_image(const struct prt_graph *graph, size_t *bytes)
{
    const struct prt_program *program = graph->program;
    struct head head = {0};
    void *image = NULL;
    head.graph.program = program;
    if (copy_living(graph, &head.graph)) {
        prt_deferred_each_plain(&head.graph, defer, NULL);
        head.file_count = program ? program->data_count + 1 : 0;
        head.files = base_arena_array(&head.graph.arena, head.file_count, sizeof *head.files);
        for (uint32_t i = 0; head.files && i < head.file_count; i++)
            head.files[i] = (uintptr_t)prt_program_file(program, i)->bytes.data;
        image = head.files ? write_image(program, &head, NULL, bytes) : NULL;
    }
    base_arena_reset(&head.graph.arena);
    return image;
}

/* ---- reading ---- */

/* What prt_graph_finish takes for granted. */
static bool has_sound_lists(const struct prt_graph *graph)
{
    for (uint32_t i = 0; i < graph->state_count; i++)
        if (graph->states[i].value >= graph->value_count ||
            (graph->states[i].output >= graph->output_count &&
             graph->states[i].output != PRT_NO_VALUE))
            return false;
    for (uint32_t i = 0; i < graph->data_size_count; i++)
        if (graph->data_sizes[i].output >= graph->output_count)
            return false;
    return graph->hidden_output_count <= graph->output_count;
}

struct prt_graph *prt_graph_from_image(const struct prt_program *program, const void *image,
                                       size_t bytes)
{
    struct prt_graph *graph;
    struct head head;
    if (bytes < sizeof head || prt_graph_create(&graph, NULL) != PERCEPT_OK)
        return NULL;
    memcpy(&head, image, sizeof head);
    struct base_arena arena = {0};
    struct walk walk = {.mode = READ,
                        .image = (unsigned char *)(uintptr_t)image,
                        .size = bytes,
                        .program = program,
                        .head = &head,
                        .arena = &arena};
    bool read = head.file_count == (program ? program->data_count + 1 : 0) &&
                TAKE(&walk, head.files, head.file_count, STAYS) && take_graph(&walk, &head.graph) &&
                has_sound_lists(&head.graph);
    *graph = head.graph;
    graph->arena = arena;
    graph->program = program;
    graph->value_capacity = graph->value_count; /* what was read has no room for more */
    graph->node_capacity = graph->node_count;
    if (read && prt_graph_finish(graph, NULL) == PERCEPT_OK)
        return graph;
    prt_graph_destroy(graph);
    return NULL;
}
