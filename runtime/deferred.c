/* Why: see deferred.h. Here is what a constant in a file needs until it is one in memory. */
#include "runtime/deferred.h"

#include "runtime/program_data.h"

#include <string.h>

/* A bit an operand. */
static const uint8_t packs[PRT_OP_COUNT] = {
    [PRT_OP_CONV2D] = 1 << 1,
    [PRT_OP_LINEAR] = 1 << 1,
    [PRT_OP_DYNAMIC_LINEAR] = 1 << 1 | 1 << 2, /* its scales, too */
};

bool prt_deferred_packs(uint32_t op, unsigned operand)
{
    return op < PRT_OP_COUNT && operand < 8 && packs[op] >> operand & 1;
}

bool prt_deferred_any(void)
{
    return packs[PRT_OP_CONV2D] || packs[PRT_OP_LINEAR] || packs[PRT_OP_DYNAMIC_LINEAR];
}

size_t prt_deferred_stored(const struct prt_value *value)
{
    return value->flags & PRT_FLAG_HALF_BYTES ? value->bytes / 2 : value->bytes;
}

const struct prt_file *prt_program_file_of(const struct prt_program *program, const void *data)
{
    uintptr_t at = (uintptr_t)data;
    for (uint32_t i = 0; program && i <= program->data_count; i++) {
        const struct prt_file *file = prt_program_file(program, i);
        uintptr_t begin = (uintptr_t)file->bytes.data;
        if (at >= begin && at - begin < file->bytes.size)
            return file;
    }
    return NULL;
}

enum percept_status prt_program_need(const struct prt_program *program, const void *data,
                                     size_t size, struct percept_error *error)
{
    const struct prt_file *file = prt_program_file_of(program, data);
    return file ? prt_file_need(file, data, size, error) : PERCEPT_OK;
}

bool prt_program_lacks(const struct prt_program *program, const void *data, size_t size)
{
    const struct prt_file *file = prt_program_file_of(program, data);
    return file && prt_file_lacks(file, data, size);
}

/* numbers are the elements [from, from + count). */
static void scale(const struct prt_value *value, size_t from, size_t count, float *numbers)
{
    const struct prt_tensor *tensor = &value->tensor;
    const struct prt_factors *by = value->factors;
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    size_t channels = (size_t)tensor->sizes[by->axis], run = (size_t)strides[by->axis];
    size_t channel = from / run % channels, left = run - from % run;
    for (size_t i = 0; i < count; left = run, channel = channel + 1 < channels ? channel + 1 : 0)
        for (; left && i < count; left--, i++)
            numbers[i] *= by->factors[channel];
}

/* Elements [first, first + count) of half bytes as bytes. The last half byte may be the last
 * byte of `to`, as each is read before its place is written to. */
static void spread(const uint8_t *half_bytes, size_t first, size_t count, int8_t *to)
{
    enum { PAIRS = 64 };
    uint8_t pairs[PAIRS];
    size_t i = 0;
    if (first % 2 && count)
        to[i++] = (int8_t)((half_bytes[first / 2] >> 4) - 8);
    while (count - i >= 2 * PAIRS) {
        memcpy(pairs, half_bytes + (first + i) / 2, PAIRS);
        for (size_t k = 0; k < PAIRS; k++, i += 2) {
            to[i] = (int8_t)((pairs[k] & 15) - 8);
            to[i + 1] = (int8_t)((pairs[k] >> 4) - 8);
        }
    }
    for (; i < count; i++) {
        uint8_t pair = half_bytes[(first + i) / 2];
        to[i] = (int8_t)(((first + i) % 2 ? pair >> 4 : pair & 15) - 8);
    }
}

/* `size` bytes at `offset` of where a value's data are. */
static enum percept_status read_stored(const struct prt_graph *graph, const struct prt_value *value,
                                       size_t offset, size_t size, void *to,
                                       struct percept_error *error)
{
    const unsigned char *from = (const unsigned char *)value->data + offset;
    const struct prt_file *file =
        value->flags & PRT_FLAG_DEFERRED ? prt_program_file_of(graph->program, value->data) : NULL;
    if (file)
        return prt_file_read(file, from, size, to, error);
    memcpy(to, from, size);
    return PERCEPT_OK;
}

static enum percept_status read_half_bytes(const struct prt_graph *graph,
                                           const struct prt_value *value, size_t first,
                                           size_t count, void *to, struct percept_error *error)
{
    size_t at = first / 2, stored = (first + count + 1) / 2 - at;
    unsigned char *end = (unsigned char *)to + count;
    enum percept_status status = read_stored(graph, value, at, stored, end - stored, error);
    if (status == PERCEPT_OK)
        spread(end - stored, first % 2, count, to);
    return status;
}

enum percept_status prt_deferred_read_part(const struct prt_graph *graph, uint32_t id,
                                           size_t offset, size_t size, void *to,
                                           struct percept_error *error)
{
    const struct prt_value *value = &graph->values[id];
    if (!size)
        return PERCEPT_OK;
    enum percept_status status = value->flags & PRT_FLAG_HALF_BYTES
                                     ? read_half_bytes(graph, value, offset, size, to, error)
                                     : read_stored(graph, value, offset, size, to, error);
    if (status == PERCEPT_OK && value->flags & PRT_FLAG_DEFERRED && value->factors)
        scale(value, offset / sizeof(float), size / sizeof(float), to);
    return status;
}

enum percept_status prt_deferred_read(const struct prt_graph *graph, uint32_t id, void *to,
                                      struct percept_error *error)
{
    return prt_deferred_read_part(graph, id, 0, graph->values[id].bytes, to, error);
}

enum percept_status prt_deferred_fetch(struct prt_graph *graph, uint32_t id,
                                       struct percept_error *error)
{
    struct prt_value *value = &graph->values[id];
    if (!(value->flags & PRT_FLAG_DEFERRED))
        return PERCEPT_OK;
    enum percept_status status;
    if (value->factors || value->flags & PRT_FLAG_HALF_BYTES) {
        void *own = base_arena_alloc(&graph->arena, value->bytes);
        if (!own)
            return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a constant");
        status = prt_deferred_read(graph, id, own, error);
        if (status == PERCEPT_OK)
            value->data = own;
    } else {
        status = prt_program_need(graph->program, value->data, value->bytes, error);
    }
    if (status == PERCEPT_OK) {
        value->flags &= ~(uint32_t)PRT_FLAGS_DEFERRED;
        value->factors = NULL;
    }
    return status;
}

const void *prt_deferred_data(struct prt_graph *graph, uint32_t id)
{
    return prt_deferred_fetch(graph, id, NULL) == PERCEPT_OK ? graph->values[id].data : NULL;
}

enum percept_status prt_deferred_settle(struct prt_graph *graph, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    if (!prt_deferred_any())
        return PERCEPT_OK;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        for (unsigned i = 0; i < node->input_count && status == PERCEPT_OK; i++)
            if (node->inputs[i] != PRT_NO_VALUE && !prt_deferred_packs(node->op, i))
                status = prt_deferred_fetch(graph, node->inputs[i], error);
    }
    for (uint32_t i = 0; i < graph->output_count && status == PERCEPT_OK; i++)
        status = prt_deferred_fetch(graph, graph->outputs[i], error);
    return status;
}

bool prt_deferred_identity(const struct prt_graph *graph, uint32_t id,
                           struct prt_identity *identity)
{
    const struct prt_value *value = &graph->values[id];
    const struct prt_file *file =
        value->flags & PRT_FLAG_DEFERRED ? prt_program_file_of(graph->program, value->data) : NULL;
    return file && prt_file_identity(file, value->data, prt_deferred_stored(value), identity);
}

static bool is_plain(const struct prt_graph *graph, const struct prt_value *value,
                     struct prt_identity *identity)
{
    const struct prt_file *file;
    return value->kind == PRT_VALUE_TENSOR && value->flags & PRT_FLAG_CONSTANT &&
           !(value->flags & (PRT_FLAG_STATE | PRT_FLAG_HALF_BYTES)) && !value->factors &&
           value->bytes > PRT_DEFERRED_LARGE &&
           (file = prt_program_file_of(graph->program, value->data)) &&
           prt_file_identity(file, value->data, value->bytes, identity);
}

void prt_deferred_each_plain(struct prt_graph *graph,
                             void (*each)(void *context, struct prt_value *value,
                                          const struct prt_identity *identity),
                             void *context)
{
    struct prt_identity identity = {0};
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        for (unsigned i = 0; i < node->input_count; i++)
            if (node->inputs[i] != PRT_NO_VALUE && !prt_deferred_packs(node->op, i) &&
                is_plain(graph, &graph->values[node->inputs[i]], &identity))
                each(context, &graph->values[node->inputs[i]], &identity);
    }
    for (uint32_t i = 0; i < graph->output_count; i++)
        if (is_plain(graph, &graph->values[graph->outputs[i]], &identity))
            each(context, &graph->values[graph->outputs[i]], &identity);
}
