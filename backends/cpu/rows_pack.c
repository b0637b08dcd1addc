/* Why: a step of a language model is little else than reading these weights, so they lie in the
 * order in which they are read; and a model is little else than them, so they are taken in part by
 * part from where they are. */
#include "backends/cpu/rows_pack.h"
#include "backends/cpu/lines.h"
#include "backends/cpu/shared.h"
#include "backends/cpu/weights.h"
#include "base/checked.h"
#include "runtime/deferred.h"

#include <string.h>

enum { X, WEIGHT, SCALES, BIAS };

/* What is read at a time: it is still in the L2 cache when it is packed. */
#define PART_BYTES ((size_t)64 << 10)

struct packing {
    const struct cpu_prepare *prepare;
    const struct cpu_row_kernels *kernels;
    struct cpu_rows_job *job; /* groups, blocks, outputs, four_bits */
    size_t inputs, group;     /* inputs that share a scale */
    size_t lanes, table;      /* outputs, and scales, of whole panels */
    size_t scale_bytes;       /* of one of the scales that there are */
    bool halves;              /* their upper halves are packed */
};

/* Some outputs of the weight: codes [outputs][inputs], scales [outputs][groups]. */
struct part {
    const int8_t *codes;
    const void *scales;
};

static const struct prt_value *operand(const struct packing *packing, unsigned index)
{
    uint32_t id = packing->prepare->node->inputs[index];
    return id == PRT_NO_VALUE ? NULL : &packing->prepare->graph->values[id];
}

/* ---- reading ---- */

/* Bytes of an operand: where they are, or read to `memory`; NULL, and *status says why. */
static const void *bytes_of(const struct packing *packing, unsigned index, size_t offset,
                            size_t size, void *memory, enum percept_status *status)
{
    const struct cpu_prepare *prepare = packing->prepare;
    const struct prt_value *value = operand(packing, index);
    if (!(value->flags & PRT_FLAG_DEFERRED))
        return (const uint8_t *)value->data + offset;
    *status = prt_deferred_read_part(prepare->graph, prepare->node->inputs[index], offset, size,
                                     memory, prepare->error);
    return *status == PERCEPT_OK ? memory : NULL;
}

static size_t outputs_a_part(const struct packing *packing, size_t first)
{
    size_t count = PART_BYTES / packing->inputs + 1, left = packing->job->outputs - first;
    return count < left ? count : left;
}

/* Outputs [first, first + count), of the weight only if !all; they stay until the next are read. */
static enum percept_status read_part(const struct packing *packing, size_t first, size_t count,
                                     bool all, struct part *part)
{
    const struct cpu_prepare *prepare = packing->prepare;
    size_t row = packing->job->groups * packing->scale_bytes;
    size_t codes = count * packing->inputs, scales_at = cpu_align64(codes);
    enum percept_status status = PERCEPT_OK;
    uint8_t *memory = NULL;
    if ((operand(packing, WEIGHT)->flags | operand(packing, SCALES)->flags) & PRT_FLAG_DEFERRED) {
        memory = cpu_weights_stage(prepare->weights, scales_at + count * row);
        if (!memory)
            return percept_fail(prepare->error, PERCEPT_NO_MEMORY, "cpu: no memory for a weight");
    }
    part->codes = bytes_of(packing, WEIGHT, first * packing->inputs, codes, memory, &status);
    if (status == PERCEPT_OK && all)
        part->scales = bytes_of(packing, SCALES, first * row, count * row,
                                memory ? memory + scales_at : NULL, &status);
    return status;
}

/* ---- what can be left out ---- */

/* Eight codes at once, in a word. */
#define EACH(byte) ((byte)*UINT64_C(0x0101010101010101))

static uint64_t eight(const void *codes)
{
    uint64_t word;
    memcpy(&word, codes, sizeof word);
    return word;
}

/* -8 to 7: bits 3 to 7 are the same. */
static bool fit_four_bits(const int8_t *codes, size_t count)
{
    uint64_t differ = 0;
    size_t i = 0;
    for (; i + sizeof differ <= count; i += sizeof differ)
        differ |= eight(codes + i) ^ eight(codes + i) << 1;
    for (; i < count; i++)
        differ |= (uint64_t)((uint8_t)codes[i] ^ (uint8_t)codes[i] << 1);
    return !(differ & EACH(0xf0));
}

/* Do all of the weight's codes fit 4 bits? Mostly its first part says no. */
static enum percept_status find_bits(const struct packing *packing)
{
    packing->job->four_bits = true;
    if (operand(packing, WEIGHT)->flags & PRT_FLAG_HALF_BYTES)
        return PERCEPT_OK;
    for (size_t first = 0, count; first < packing->job->outputs; first += count) {
        struct part part;
        count = outputs_a_part(packing, first);
        enum percept_status status = read_part(packing, first, count, false, &part);
        if (status != PERCEPT_OK)
            return status;
        packing->job->four_bits = fit_four_bits(part.codes, count * packing->inputs);
        if (!packing->job->four_bits)
            break;
    }
    return PERCEPT_OK;
}

/* Are the lower halves of scales 0? ExecuTorch writes those of half bytes as bfloat16. */
static bool fit_halves(const struct packing *packing)
{
    const struct prt_value *value = operand(packing, SCALES);
    size_t count = packing->job->outputs * packing->job->groups;
    if (value->tensor.dtype == PRT_BF16)
        return true;
    if (value->flags & PRT_FLAG_DEFERRED)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, (const float *)value->data + i, sizeof bits);
        if (bits & 0xffff)
            return false;
    }
    return true;
}

/* ---- packing ---- */

/* The sum of a block's codes: of each plus 128, in four lanes, without those. */
static int32_t sum_of(const uint8_t *block)
{
    uint64_t lanes = 0;
    for (size_t i = 0; i < CPU_ROWS_BLOCK; i += sizeof lanes) {
        uint64_t codes = eight(block + i) ^ EACH(0x80), low = UINT64_C(0x00ff00ff00ff00ff);
        lanes += (codes & low) + (codes >> 8 & low);
    }
    return (int32_t)(lanes * UINT64_C(0x0001000100010001) >> 48) - 128 * CPU_ROWS_BLOCK;
}

/* Code i plus 8 below, code i + 16 plus 8 above. */
static void halve(const uint8_t *block, uint8_t *half_bytes)
{
    enum { HALF = CPU_ROWS_BLOCK / 2 };
    for (size_t i = 0; i < HALF; i += sizeof(uint64_t)) {
        uint64_t below = eight(block + i) & EACH(0x0f), above = eight(block + HALF + i);
        uint64_t both = (below | (above & EACH(0x0f)) << 4) ^ EACH(0x88);
        memcpy(half_bytes + i, &both, sizeof both);
    }
}

/* The codes of a group of one output, and their sum. */
static int32_t put(const struct packing *packing, uint8_t *weights, size_t output, size_t group,
                   const int8_t *codes)
{
    const bool four_bits = packing->job->four_bits;
    const size_t outputs = packing->kernels->outputs, blocks = packing->job->blocks;
    const size_t bytes = four_bits ? CPU_ROWS_BLOCK / 2 : CPU_ROWS_BLOCK;
    const size_t run = four_bits ? packing->kernels->run_4 : packing->kernels->run_8;
    uint8_t *to = weights +
                  (output / outputs * packing->job->groups + group) * blocks * outputs * bytes +
                  output % outputs * run;
    int32_t sum = 0;
    for (size_t b = 0; b < blocks; b++, to += outputs * bytes) {
        uint8_t block[CPU_ROWS_BLOCK] = {0};
        size_t first = b * CPU_ROWS_BLOCK, count = packing->group - first;
        if (count >= CPU_ROWS_BLOCK)
            memcpy(block, codes + first, CPU_ROWS_BLOCK);
        else
            memcpy(block, codes + first, count);
        sum += sum_of(block);
        if (four_bits)
            halve(block, block);
        if (run == sizeof(uint32_t)) /* moves rather than calls */
            for (size_t i = 0; i < bytes; i += sizeof(uint32_t))
                memcpy(to + i * outputs, block + i, sizeof(uint32_t));
        else
            for (size_t i = 0; i < bytes; i += run)
                memcpy(to + i * outputs, block + i, run);
    }
    return sum;
}

/* Where the parts of a block are. */
struct tables {
    uint8_t *weights;
    float *bias;
    int32_t *sums;
    void *scales;
};

static size_t weight_bytes(const struct packing *packing)
{
    const struct cpu_rows_job *job = packing->job;
    return packing->lanes * job->groups * job->blocks * CPU_ROWS_BLOCK / (job->four_bits ? 2 : 1);
}

static size_t scale_size(const struct packing *packing)
{
    return packing->halves ? sizeof(uint16_t) : sizeof(float);
}

static size_t block_bytes(const struct packing *packing)
{
    return weight_bytes(packing) + packing->lanes * sizeof(float) +
           packing->table * (sizeof(int32_t) + scale_size(packing));
}

static struct tables tables_of(const struct packing *packing, void *block)
{
    struct tables tables = {.weights = block};
    tables.bias = (float *)(void *)(tables.weights + weight_bytes(packing));
    tables.sums = (int32_t *)(void *)(tables.bias + packing->lanes);
    tables.scales = tables.sums + packing->table;
    return tables;
}

static void put_scale(const struct packing *packing, const struct tables *tables, size_t at,
                      const void *scale)
{
    unsigned char *to = (unsigned char *)tables->scales + at * scale_size(packing);
    uint32_t bits = 0;
    if (packing->scale_bytes == sizeof(uint16_t) || !packing->halves) {
        memcpy(to, scale, scale_size(packing));
        return;
    }
    memcpy(&bits, scale, sizeof bits);
    ((uint16_t *)tables->scales)[at] = (uint16_t)(bits >> 16);
}

static void put_part(const struct packing *packing, const struct tables *tables, size_t first,
                     size_t count, const struct part *part)
{
    const size_t width = packing->kernels->outputs, groups = packing->job->groups;
    const unsigned char *scale = part->scales;
    const int8_t *codes = part->codes;
    for (size_t o = first; o < first + count; o++)
        for (size_t g = 0; g < groups; g++) {
            size_t at = (o / width * groups + g) * width + o % width;
            put_scale(packing, tables, at, scale);
            tables->sums[at] = put(packing, tables->weights, o, g, codes);
            codes += packing->group;
            scale += packing->scale_bytes;
        }
}

/* A block, which is all zeros. */
static enum percept_status fill(const struct packing *packing, void *block)
{
    const struct tables tables = tables_of(packing, block);
    const struct prt_value *bias = operand(packing, BIAS);
    enum percept_status status = PERCEPT_OK;
    if (packing->job->four_bits) /* of outputs that only fill a panel up */
        memset(tables.weights, 0x88, weight_bytes(packing));
    if (bias)
        memcpy(tables.bias, bias->data, bias->bytes);
    for (size_t first = 0, count; first < packing->job->outputs; first += count) {
        struct part part;
        count = outputs_a_part(packing, first);
        status = read_part(packing, first, count, true, &part);
        if (status != PERCEPT_OK)
            break;
        put_part(packing, &tables, first, count, &part);
    }
    return status;
}

/* ---- blocks ---- */

static void add_operand(const struct packing *packing, unsigned index, struct base_hash *key)
{
    const struct prt_value *value = operand(packing, index);
    const uint64_t there = value != NULL;
    base_hash_add(key, &there, sizeof there);
    if (value &&
        !cpu_weights_identify(packing->prepare->graph, packing->prepare->node->inputs[index], key))
        base_hash_add(key, value->data, value->bytes);
}

/* What a block depends on, all of it but for the number of bits, which the codes say. */
static struct base_hash key_of(const struct packing *packing)
{
    const struct cpu_rows_job *job = packing->job;
    const struct cpu_row_kernels *kernels = packing->kernels;
    const uint64_t numbers[] = {
        PRT_OP_DYNAMIC_LINEAR, job->outputs,         job->groups,
        packing->group,        packing->scale_bytes, packing->halves,
        kernels->outputs,      kernels->run_4,       kernels->run_8,
    };
    struct base_hash key = {0};
    base_hash_add(&key, numbers, sizeof numbers);
    for (unsigned i = WEIGHT; i <= BIAS; i++)
        add_operand(packing, i, &key);
    return key;
}

/* A block with the key that exists. Which of two it is says how many bits there are. */
static void *find(const struct packing *packing, const struct base_hash *key, size_t *bytes)
{
    bool halved = operand(packing, WEIGHT)->flags & PRT_FLAG_HALF_BYTES;
    void *block = NULL;
    for (int four = halved; four < 2 && !block; four++) {
        packing->job->four_bits = four;
        block =
            cpu_weights_find(packing->prepare->weights->cache, key, block_bytes(packing), 1, bytes);
    }
    return block;
}

static enum percept_status make(const struct packing *packing, const struct base_hash *key,
                                void **block, size_t *bytes)
{
    struct cpu_weights *weights = packing->prepare->weights;
    enum percept_status status = find_bits(packing);
    if (status != PERCEPT_OK)
        return status;
    void *made = cpu_shared_alloc(weights->slab, block_bytes(packing), 1, bytes);
    if (!made)
        return percept_fail(packing->prepare->error, PERCEPT_NO_MEMORY,
                            "cpu: no memory for weights");
    status = fill(packing, made);
    if (status == PERCEPT_OK)
        *block = cpu_weights_keep(weights->cache, key, made, *bytes);
    else
        cpu_shared_release(made, *bytes);
    return status;
}

enum percept_status cpu_rows_pack(const struct cpu_prepare *prepare,
                                  const struct cpu_row_kernels *kernels, struct cpu_rows_job *job,
                                  void **block, size_t *bytes)
{
    const struct prt_tensor *weight = cpu_operand(prepare->graph, prepare->node, WEIGHT),
                            *scales = cpu_operand(prepare->graph, prepare->node, SCALES);
    struct packing packing = {.prepare = prepare, .kernels = kernels, .job = job};
    *job = (struct cpu_rows_job){.outputs = (size_t)weight->sizes[0],
                                 .groups = (size_t)scales->sizes[1]};
    packing.inputs = (size_t)weight->sizes[1];
    packing.group = packing.inputs / job->groups;
    job->blocks = (packing.group + CPU_ROWS_BLOCK - 1) / CPU_ROWS_BLOCK;
    packing.lanes = (job->outputs + kernels->outputs - 1) / kernels->outputs * kernels->outputs;
    packing.table = packing.lanes * job->groups;
    packing.scale_bytes = prt_dtype_size(scales->dtype);
    packing.halves = fit_halves(&packing);
    bool deferred = operand(&packing, WEIGHT)->flags & PRT_FLAG_DEFERRED;
    bool keyed = deferred || prepare->weights->cache;
    struct base_hash key = {0};
    if (keyed)
        key = key_of(&packing);
    *block = keyed ? find(&packing, &key, bytes) : NULL;
    enum percept_status status = PERCEPT_OK;
    if (!*block)
        status = make(&packing, keyed ? &key : NULL, block, bytes);
    if (status != PERCEPT_OK)
        return status;
    const struct tables tables = tables_of(&packing, *block);
    job->weights = tables.weights;
    job->bias = tables.bias;
    job->sums = tables.sums;
    job->scales = packing.halves ? NULL : tables.scales;
    job->halves = packing.halves ? tables.scales : NULL;
    return PERCEPT_OK;
}
