/* Why: weights are read, packed and kept for a whole segment at once, whichever layers have them.
 */
#include "backends/cpu/weights.h"

#include "backends/cpu/isa.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/shared.h"
#include "backends/cpu/step.h"
#include "base/checked.h"
#include "base/pages.h"
#include "base/slab.h"
#include "runtime/cache/cache.h"
#include "runtime/deferred.h"

enum { LEAST_SLAB = 256 << 10 };

/* What the weights of layers take when they are packed, but for those that are cached, roughly. */
static size_t packed_bytes(const struct prt_compile *compile, bool cached)
{
    const struct cpu_kernels *kernels = cpu_kernels_of(cpu_isa_best());
    size_t total = 0;
    for (uint32_t i = 0; i < compile->node_count; i++) {
        const struct prt_node *node = &compile->graph->nodes[compile->nodes[i]];
        const struct prt_tensor *weight = cpu_operand(compile->graph, node, 1);
        if (!prt_deferred_packs(node->op, 1) || !weight)
            continue;
        const struct prt_value *value = &compile->graph->values[node->inputs[1]];
        size_t bytes = prt_deferred_stored(value);
        if (value->flags & PRT_FLAG_DEFERRED && cached)
            continue;
        if (node->op == PRT_OP_DYNAMIC_LINEAR)
            bytes += value->bytes / 4; /* scales and sums */
        else if (weight->dtype == PRT_I8)
            bytes *= kernels->i8_step / kernels->i8_numbers;
        if (!base_add_size(total, bytes, &total))
            return 0;
    }
    return total;
}

static void open_weights(struct cpu_weights *weights, const struct prt_compile *compile)
{
    *weights = (struct cpu_weights){.cache = compile->cache};
    size_t packed = packed_bytes(compile, prt_cache_is_filled(weights->cache));
    weights->slab = packed >= LEAST_SLAB ? base_slab_create(packed) : NULL;
}

static void close_weights(struct cpu_weights *weights)
{
    base_slab_close(weights->slab);
    base_pages_free(weights->staging, weights->staging_bytes);
}

void *cpu_weights_stage(struct cpu_weights *weights, size_t bytes)
{
    if (bytes > weights->staging_bytes) {
        base_pages_free(weights->staging, weights->staging_bytes);
        weights->staging = base_pages_reserve(bytes);
        weights->staging_bytes = weights->staging ? bytes : 0;
    }
    return weights->staging;
}

bool cpu_weights_identify(const struct prt_graph *graph, uint32_t id, struct base_hash *key)
{
    struct prt_identity identity = {0};
    if (!prt_deferred_identity(graph, id, &identity))
        return false;
    const struct prt_value *value = &graph->values[id];
    const struct prt_factors *by = value->factors;
    base_hash_add(key, &identity, sizeof identity);
    if (by) {
        base_hash_add(key, &by->axis, sizeof by->axis);
        base_hash_add(key, by->factors,
                      (size_t)value->tensor.sizes[by->axis] * sizeof *by->factors);
    }
    return true;
}

void *cpu_weights_find(struct prt_cache *cache, const struct base_hash *key, size_t count,
                       size_t size, size_t *bytes)
{
    size_t wanted;
    void *block = cpu_shared_find(key, count, size, bytes);
    if (!block && cpu_shared_bytes(count, size, &wanted) &&
        (block = prt_cache_find(cache, key, &wanted))) {
        *bytes = wanted;
        block = cpu_shared_keyed(block, wanted, key);
    }
    if (block)
        prt_cache_keep(cache, key, block, *bytes);
    return block;
}

void *cpu_weights_keep(struct prt_cache *cache, const struct base_hash *key, void *block,
                       size_t bytes)
{
    block = cpu_shared_keyed(block, bytes, key);
    if (key)
        prt_cache_keep(cache, key, block, bytes);
    return block;
}

const struct cpu_weights_class cpu_weights = {open_weights, close_weights};
