/*
 * Why: ExecuTorch plans memory ahead, so its instructions say which bytes they touch, not which
 * values they mean. This file answers "what does this tensor hold now?".
 *
 * Planned memory is cut at every place where some tensor begins or ends. A segment tree over the
 * pieces knows the last write to each; writing and reading a range are logarithmic, so that no file
 * makes an import quadratic.
 */
#include "runtime/import.h"

#include <stdlib.h>
#include <string.h>

#define NOTHING UINT32_MAX /* no write, or several in one range */

struct cut {
    uint32_t buffer;
    uint64_t offset;
};

struct write {
    uint32_t id; /* graph value, PRT_NO_VALUE when no node computes it */
    uint32_t v;  /* tensor of the method */
};

/* What the last elided view of a tensor was made from. */
struct view {
    uint32_t write, id;
};

struct prt_import_memory {
    struct cut *cuts; /* sorted, distinct */
    uint32_t cut_count;
    uint32_t leaves; /* a power of two */
    /* Per tree node: the write that covers all of it, or NOTHING. In an inner node NOTHING means
     * "ask the children"; a leaf of NOTHING was never written. */
    uint32_t *tree;
    struct write *writes;
    uint32_t write_count, write_capacity;
    uint32_t *own; /* by v: the write of a tensor that has no planned memory */
    struct view *views;
};

static int compare_cuts(const void *a, const void *b)
{
    const struct cut *p = a, *q = b;
    if (p->buffer != q->buffer)
        return p->buffer < q->buffer ? -1 : 1;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static uint32_t find_cut(const struct prt_import_memory *memory, uint32_t buffer, uint64_t offset)
{
    struct cut wanted = {buffer, offset};
    const struct cut *found =
        bsearch(&wanted, memory->cuts, memory->cut_count, sizeof wanted, compare_cuts);
    return (uint32_t)(found - memory->cuts); /* every tensor's ends are cuts */
}

static void tree_write(struct prt_import_memory *memory, uint32_t node, uint32_t first,
                       uint32_t count, uint32_t from, uint32_t to, uint32_t write)
{
    if (to <= first || from >= first + count)
        return;
    if (from <= first && to >= first + count) {
        memory->tree[node] = write;
        return;
    }
    if (memory->tree[node] != NOTHING) {
        memory->tree[2 * node] = memory->tree[2 * node + 1] = memory->tree[node];
        memory->tree[node] = NOTHING;
    }
    tree_write(memory, 2 * node, first, count / 2, from, to, write);
    tree_write(memory, 2 * node + 1, first + count / 2, count / 2, from, to, write);
}

/* The write that covers all of [from, to), else NOTHING. */
static uint32_t tree_read(const struct prt_import_memory *memory, uint32_t from, uint32_t to)
{
    uint32_t result = NOTHING;
    for (uint32_t leaf = from; leaf < to;) {
        /* Down from the root to the node of one write that holds this leaf. */
        uint32_t node = 1, first = 0, count = memory->leaves;
        while (memory->tree[node] == NOTHING && count > 1) {
            count /= 2;
            node *= 2;
            if (leaf >= first + count) {
                node++;
                first += count;
            }
        }
        if (memory->tree[node] == NOTHING || (leaf != from && memory->tree[node] != result))
            return NOTHING;
        result = memory->tree[node];
        leaf = first + count;
    }
    return result;
}

/* Nothing was written to any piece of [from, to). */
static bool tree_is_untouched(const struct prt_import_memory *memory, uint32_t from, uint32_t to)
{
    for (uint32_t leaf = from; leaf < to; leaf++) {
        uint32_t node = memory->leaves + leaf;
        for (; node > 0; node /= 2)
            if (memory->tree[node] != NOTHING)
                return false;
    }
    return true;
}

static bool lies_in_memory(const struct prt_program_value *value)
{
    return value->kind == PRT_VALUE_TENSOR && value->tensor->planned && value->tensor->bytes;
}

static enum percept_status cut_memory(struct prt_import *import)
{
    struct prt_import_memory *memory = import->memory;
    uint32_t count = 0;
    for (uint32_t v = 0; v < import->method->value_count; v++)
        count += lies_in_memory(&import->values[v]) ? 2 : 0;
    memory->cuts = base_arena_array(&import->arena, count, sizeof *memory->cuts);
    if (!memory->cuts)
        return prt_import_no_memory(import);
    for (uint32_t v = 0, at = 0; v < import->method->value_count; v++) {
        if (!lies_in_memory(&import->values[v]))
            continue;
        const struct prt_program_tensor *tensor = import->values[v].tensor;
        memory->cuts[at++] = (struct cut){tensor->buffer, tensor->offset};
        memory->cuts[at++] = (struct cut){tensor->buffer, tensor->offset + tensor->bytes};
    }
    if (count)
        qsort(memory->cuts, count, sizeof *memory->cuts, compare_cuts);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || compare_cuts(&memory->cuts[memory->cut_count - 1], &memory->cuts[i]) != 0)
            memory->cuts[memory->cut_count++] = memory->cuts[i];
    return PERCEPT_OK;
}

enum percept_status prt_import_memory_create(struct prt_import *import)
{
    uint32_t values = import->method->value_count;
    struct prt_import_memory *memory = base_arena_alloc(&import->arena, sizeof *memory);
    if (!memory)
        return prt_import_no_memory(import);
    import->memory = memory;
    enum percept_status status = cut_memory(import);
    if (status != PERCEPT_OK)
        return status;
    memory->leaves = 1;
    while (memory->leaves < memory->cut_count)
        memory->leaves *= 2;
    memory->tree =
        base_arena_array(&import->arena, 2 * (size_t)memory->leaves, sizeof *memory->tree);
    memory->own = base_arena_array(&import->arena, values, sizeof *memory->own);
    memory->views = base_arena_array(&import->arena, values, sizeof *memory->views);
    if (!memory->tree || !memory->own || !memory->views)
        return prt_import_no_memory(import);
    memset(memory->tree, 0xff, 2 * (size_t)memory->leaves * sizeof *memory->tree);
    memset(memory->own, 0xff, values * sizeof *memory->own);
    memset(memory->views, 0xff, values * sizeof *memory->views);
    return PERCEPT_OK;
}

bool prt_import_is_untouched(const struct prt_import *import, uint32_t v)
{
    const struct prt_program_value *value = &import->values[import->identity[v]];
    if (!lies_in_memory(value))
        return false;
    const struct prt_import_memory *memory = import->memory;
    const struct prt_program_tensor *tensor = value->tensor;
    return tree_is_untouched(memory, find_cut(memory, tensor->buffer, tensor->offset),
                             find_cut(memory, tensor->buffer, tensor->offset + tensor->bytes));
}

/* ---- writing ---- */

static enum percept_status add_write(struct prt_import *import, uint32_t v, uint32_t id,
                                     uint32_t *index)
{
    struct prt_import_memory *memory = import->memory;
    if (memory->write_count == memory->write_capacity) {
        uint32_t capacity = memory->write_capacity ? memory->write_capacity * 2 : 256;
        struct write *larger = base_arena_array(&import->arena, capacity, sizeof *larger);
        if (!larger || capacity < memory->write_capacity)
            return prt_import_no_memory(import);
        if (memory->write_count)
            memcpy(larger, memory->writes, memory->write_count * sizeof *larger);
        memory->writes = larger;
        memory->write_capacity = capacity;
    }
    memory->writes[memory->write_count] = (struct write){id, v};
    *index = memory->write_count++;
    return PERCEPT_OK;
}

enum percept_status prt_import_bind(struct prt_import *import, uint32_t v, uint32_t id)
{
    struct prt_import_memory *memory = import->memory;
    v = import->identity[v];
    const struct prt_program_value *value = &import->values[v];
    if (value->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u is written but no tensor", v);
    const struct prt_program_tensor *tensor = value->tensor;
    if (tensor->external || (tensor->data && !tensor->planned))
        return prt_import_fail(import, PERCEPT_MALFORMED, "constant %u is written", v);
    uint32_t write = NOTHING;
    enum percept_status status = add_write(import, v, id, &write);
    if (status != PERCEPT_OK)
        return status;
    if (lies_in_memory(value))
        tree_write(memory, 1, 0, memory->leaves, find_cut(memory, tensor->buffer, tensor->offset),
                   find_cut(memory, tensor->buffer, tensor->offset + tensor->bytes), write);
    else
        memory->own[v] = write;
    return PERCEPT_OK;
}

enum percept_status prt_import_write(struct prt_import *import, uint32_t v, uint32_t *id)
{
    const struct prt_program_value *value = &import->values[import->identity[v]];
    if (value->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u is written but no tensor", v);
    if (value->tensor->unbounded)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "tensor %u has no upper bound", v);
    uint32_t created;
    enum percept_status status = prt_import_temporary(import, &value->tensor->spec, &created);
    if (status == PERCEPT_OK)
        status = prt_import_bind(import, v, created);
    if (status == PERCEPT_OK)
        *id = created;
    return status;
}

/* ---- reading ---- */

static void inverse(const uint8_t *order, unsigned rank, uint8_t *inverted)
{
    for (unsigned i = 0; i < rank; i++)
        inverted[order[i]] = (uint8_t)i;
}

/* x's elements in the order in which they lie in memory. */
static enum percept_status in_memory_order(struct prt_import *import, uint32_t x, uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (prt_tensor_is_contiguous(&spec)) {
        *id = x;
        return PERCEPT_OK;
    }
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i < spec.rank; i++)
        sizes[i] = spec.sizes[spec.dim_order[i]];
    struct prt_tensor straight = prt_import_like(&spec, spec.rank, sizes);
    enum percept_status status = prt_import_temporary(import, &straight, id);
    return status == PERCEPT_OK ? prt_import_permute(import, x, spec.dim_order, *id) : status;
}

enum percept_status prt_import_reinterpret(struct prt_import *import, uint32_t x,
                                           const struct prt_tensor *spec, uint32_t *id)
{
    const struct prt_tensor *from = prt_import_spec(import, x);
    if (from->dtype != spec->dtype || prt_tensor_elements(from) != prt_tensor_elements(spec))
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "takes a tensor for one of another type or size");
    if (prt_tensor_same_sizes(from, spec) && prt_tensor_same_layout(from, spec)) {
        *id = x;
        return PERCEPT_OK;
    }
    enum percept_status status = in_memory_order(import, x, &x);
    if (status != PERCEPT_OK)
        return status;
    from = prt_import_spec(import, x);
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i < spec->rank; i++)
        sizes[i] = spec->sizes[spec->dim_order[i]];
    struct prt_tensor straight = prt_import_like(from, spec->rank, sizes), wanted = *spec;
    wanted.quant = straight.quant;
    if (!prt_tensor_same_sizes(from, &straight)) {
        uint32_t reshaped;
        status = prt_import_temporary(import, &straight, &reshaped);
        if (status == PERCEPT_OK)
            status = prt_import_reshape(import, x, reshaped);
        x = reshaped;
    }
    if (status == PERCEPT_OK && !prt_tensor_is_contiguous(&wanted)) {
        uint32_t permuted;
        uint8_t back[PRT_MAX_RANK];
        inverse(wanted.dim_order, wanted.rank, back);
        status = prt_import_temporary(import, &wanted, &permuted);
        if (status == PERCEPT_OK)
            status = prt_import_permute(import, x, back, permuted);
        x = permuted;
    }
    if (status == PERCEPT_OK)
        *id = x;
    return status;
}

static enum percept_status read_write(struct prt_import *import, uint32_t v, uint32_t write,
                                      uint32_t *id)
{
    const struct prt_program_tensor *tensor = import->values[v].tensor;
    const struct write *last = &import->memory->writes[write];
    const struct prt_program_tensor *written = import->values[last->v].tensor;
    if (last->id == PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "reads tensor %u, a result that is not computed here", v);
    if (written->bytes != tensor->bytes || written->spec.dtype != tensor->spec.dtype)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "reads tensor %u, which overlaps tensor %u but is not a view of it",
                               v, last->v);
    const struct prt_tensor *stated = &import->method->values[v].tensor->spec,
                            *origin = &import->method->values[last->v].tensor->spec;
    if (tensor->dynamic && v != last->v && prt_tensor_same_sizes(stated, origin)) {
        /* Another name for it, so of the sizes that it has now. */
        int64_t sizes[PRT_MAX_RANK];
        for (unsigned i = 0; i < written->spec.rank; i++)
            sizes[i] = written->spec.sizes[i];
        enum percept_status status = prt_import_set_sizes(import, v, written->spec.rank, sizes);
        if (status != PERCEPT_OK)
            return status;
        tensor = import->values[v].tensor;
    }
    struct view *view = &import->memory->views[v];
    if (view->write != write) {
        uint32_t made;
        enum percept_status status = prt_import_reinterpret(import, last->id, &tensor->spec, &made);
        if (status != PERCEPT_OK)
            return status;
        *view = (struct view){write, made};
    }
    *id = view->id;
    return PERCEPT_OK;
}

/* An empty tensor has no bytes that anything could have written. */
static enum percept_status read_empty(struct prt_import *import,
                                      const struct prt_program_tensor *tensor, uint32_t *id)
{
    uint32_t zero, made;
    enum percept_status status = prt_import_int(import, 0, &zero);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &tensor->spec, &made);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_FULL, made, 1, &zero))
        return PERCEPT_NO_MEMORY;
    *id = made;
    return PERCEPT_OK;
}

static enum percept_status read_constant(struct prt_import *import, uint32_t v, uint32_t *id)
{
    const struct prt_program_tensor *tensor = import->values[v].tensor;
    if (import->constants[v] == PRT_NO_VALUE) {
        enum percept_status status =
            prt_import_deferrable(import, v, &tensor->spec, tensor->data, &import->constants[v]);
        if (status != PERCEPT_OK)
            return status;
    }
    *id = import->constants[v];
    return PERCEPT_OK;
}

enum percept_status prt_import_read(struct prt_import *import, uint32_t v, uint32_t *id)
{
    v = import->identity[v];
    const struct prt_program_value *value = &import->values[v];
    if (value->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u is read but no tensor", v);
    const struct prt_program_tensor *tensor = value->tensor;
    if (tensor->external)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "the weight '%.64s' is in a .ptd file, which was not given",
                               tensor->external);
    if (tensor->data && !tensor->planned)
        return read_constant(import, v, id);
    struct prt_import_memory *memory = import->memory;
    bool planned = lies_in_memory(value);
    uint32_t from = planned ? find_cut(memory, tensor->buffer, tensor->offset) : 0;
    uint32_t to = planned ? find_cut(memory, tensor->buffer, tensor->offset + tensor->bytes) : 0;
    uint32_t write = planned ? tree_read(memory, from, to) : memory->own[v];
    if (write != NOTHING)
        return read_write(import, v, write, id);
    if (tensor->bytes == 0)
        return read_empty(import, tensor, id);
    if (prt_import_is_untouched(import, v))
        return prt_import_state(import, v, id);
    return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                           "reads tensor %u, which nothing wrote as a whole before", v);
}
