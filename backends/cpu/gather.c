/*
 * Why: GATHER and SCATTER are one walk over the places p of the smaller side. Every dimension is a
 * stride on both sides, an index operand adds its value times a stride; what is left in one piece
 * at the end is moved as a block. Indices come with the data, so they are checked here.
 */
#include "backends/cpu/copy.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"
#include "base/halves.h"

#include <string.h>

/* Moves `count` elements; adds them up when the node says so. */
typedef void (*move_fn)(char *to, const char *from, size_t count, size_t size);

/* A dimension of x that an operand indexes. */
struct use {
    unsigned operand; /* among the index operands */
    int64_t size, stride;
};

struct walk {
    unsigned rank; /* loops outside of a block, outermost first */
    int64_t sizes[PRT_MAX_RANK];
    int64_t p[PRT_MAX_RANK], c[PRT_MAX_RANK];  /* strides of y or src, and of x, in elements */
    int64_t index[PRT_MAX_RANK][PRT_MAX_RANK]; /* by operand and loop */
    unsigned operands, uses;
    bool wide[PRT_MAX_RANK]; /* by operand: I64 rather than I32 */
    struct use use[PRT_MAX_RANK];
    size_t steps, block, size; /* how many blocks, elements in one, bytes of an element */
    bool scatters;
    unsigned first; /* index operands start at this input */
    move_fn move;
    const char *name;
    struct cpu_copy keep; /* SCATTER: x to y */
};

struct job {
    const struct walk *walk;
    const char *from; /* x of GATHER, src of SCATTER */
    char *to;
    const void *const *index;
    struct cpu_fault *fault;
    size_t chunk;
};

/* ---- blocks ---- */

static void move_any(char *to, const char *from, size_t count, size_t size)
{
    memcpy(to, from, count * size);
}

#define MOVE_ONE(bits)                                                             \
    static void move_##bits(char *to, const char *from, size_t count, size_t size) \
    {                                                                              \
        (void)count, (void)size;                                                   \
        memcpy(to, from, (bits) / 8);                                              \
    }
MOVE_ONE(8)
MOVE_ONE(16)
MOVE_ONE(32)
MOVE_ONE(64)

#define ADD(name, type, sum)                                                      \
    static void add_##name(char *to, const char *from, size_t count, size_t size) \
    {                                                                             \
        (void)size;                                                               \
        type *y = (type *)(void *)to;                                             \
        const type *x = (const type *)(const void *)from;                         \
        for (size_t i = 0; i < count; i++)                                        \
            y[i] = (type)(sum);                                                   \
    }
ADD(u8, uint8_t, y[i] + x[i])
ADD(u16, uint16_t, y[i] + x[i])
ADD(u32, uint32_t, y[i] + x[i])
ADD(u64, uint64_t, y[i] + x[i])
ADD(f32, float, y[i] + x[i])
ADD(f64, double, y[i] + x[i])
ADD(f16, uint16_t, base_to_f16(base_from_f16(y[i]) + base_from_f16(x[i])))
ADD(bf16, uint16_t, base_to_bf16(base_from_bf16(y[i]) + base_from_bf16(x[i])))
ADD(bool, uint8_t, y[i] | x[i])

/* Two's complement adds alike with and without a sign. */
static move_fn adder_of(enum prt_dtype dtype)
{
    static const move_fn adders[] = {
        [PRT_U8] = add_u8,     [PRT_I8] = add_u8,     [PRT_I16] = add_u16, [PRT_I32] = add_u32,
        [PRT_I64] = add_u64,   [PRT_F16] = add_f16,   [PRT_F32] = add_f32, [PRT_F64] = add_f64,
        [PRT_BOOL] = add_bool, [PRT_BF16] = add_bf16, [PRT_U16] = add_u16, [PRT_U32] = add_u32,
        [PRT_U64] = add_u64,
    };
    return (size_t)dtype < sizeof adders / sizeof adders[0] ? adders[dtype] : NULL;
}

static move_fn mover_of(size_t bytes)
{
    switch (bytes) {
    case 1:
        return move_8;
    case 2:
        return move_16;
    case 4:
        return move_32;
    case 8:
        return move_64;
    default:
        return move_any;
    }
}

/* ---- the walk ---- */

/* Where x is looked up, given where the index operands are; false when an index is outside. */
static bool look_up(const struct job *job, const int64_t *at, int64_t *c)
{
    const struct walk *walk = job->walk;
    for (unsigned u = 0; u < walk->uses; u++) {
        const struct use *use = &walk->use[u];
        int64_t value =
            cpu_read_index(job->index[use->operand], walk->wide[use->operand], at[use->operand]);
        int64_t from_front = value < 0 ? value + use->size : value;
        if (from_front < 0 || from_front >= use->size) {
            cpu_fault_index(job->fault, walk->name, value, use->size);
            return false;
        }
        *c += from_front * use->stride;
    }
    return true;
}

static void walk_steps(const struct job *job, size_t start, size_t end)
{
    const struct walk *walk = job->walk;
    int64_t place[PRT_MAX_RANK] = {0}, p = 0, c = 0, at[PRT_MAX_RANK] = {0};
    for (unsigned i = walk->rank; i-- > 0;) {
        place[i] = (int64_t)(start % (size_t)walk->sizes[i]);
        start /= (size_t)walk->sizes[i];
        p += place[i] * walk->p[i];
        c += place[i] * walk->c[i];
        for (unsigned k = 0; k < walk->operands; k++)
            at[k] += place[i] * walk->index[k][i];
    }
    int64_t size = (int64_t)walk->size;
    for (size_t left = end; left > 0; left--) {
        int64_t found = c;
        if (!look_up(job, at, &found))
            return;
        if (walk->scatters)
            walk->move(job->to + found * size, job->from + p * size, walk->block, walk->size);
        else
            walk->move(job->to + p * size, job->from + found * size, walk->block, walk->size);
        for (unsigned i = walk->rank; i-- > 0;) {
            bool wraps = ++place[i] == walk->sizes[i];
            int64_t by = wraps ? 1 - walk->sizes[i] : 1;
            p += by * walk->p[i];
            c += by * walk->c[i];
            for (unsigned k = 0; k < walk->operands; k++)
                at[k] += by * walk->index[k][i];
            if (!wraps)
                break;
            place[i] = 0;
        }
    }
}

static void walk_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct job *job = context;
    size_t start = task * job->chunk, rest = job->walk->steps - start;
    walk_steps(job, start, rest < job->chunk ? rest : job->chunk);
}

static void walk_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct walk *walk = step->state;
    const void *index[PRT_MAX_RANK];
    for (unsigned k = 0; k < walk->operands; k++)
        index[k] = run->data[step->inputs[walk->first + k]];
    struct job job = {walk,
                      run->data[step->inputs[walk->first - 1]],
                      run->data[step->output],
                      index,
                      run->fault,
                      walk->steps};
    if (walk->scatters && run->data[step->inputs[0]] != job.to)
        cpu_copy_run(&walk->keep, job.to, run->data[step->inputs[0]], run->pool);
    if (walk->steps == 0)
        return;
    if (walk->scatters) { /* places may be met twice: in order, by one worker */
        walk_steps(&job, 0, walk->steps);
        return;
    }
    enum { CHUNKS = 64 };
    job.chunk = (walk->steps + CHUNKS - 1) / CHUNKS;
    cpu_spread(run->pool, walk->steps * (walk->block + 8), CPU_GRAIN,
               (walk->steps + job.chunk - 1) / job.chunk, walk_task, &job);
}

/* ---- preparing ---- */

/* The loops over p, all of them outside of the block. */
static void add_loops(struct walk *walk, const struct cpu_prepare *prepare,
                      const struct prt_tensor *x, const struct prt_tensor *p)
{
    const uint8_t *from = prepare->node->attrs.index.from;
    int64_t own[PRT_MAX_RANK], strides[PRT_MAX_RANK], index[PRT_MAX_RANK];
    prt_tensor_strides(x, own);
    prt_tensor_strides(p, strides);
    walk->rank = p->rank;
    for (unsigned i = 0; i < p->rank; i++) {
        unsigned d = walk->scatters ? i : p->dim_order[i];
        walk->sizes[i] = p->sizes[d];
        walk->p[i] = strides[d];
        for (unsigned e = 0; e < x->rank; e++)
            walk->c[i] += from[e] == d ? own[e] : 0;
    }
    for (unsigned k = 0; k < walk->operands; k++) {
        const struct prt_tensor *operand =
            cpu_operand(prepare->graph, prepare->node, walk->first + k);
        walk->wide[k] = operand->dtype == PRT_I64;
        prt_tensor_strides(operand, index);
        for (unsigned i = 0; i < p->rank; i++) {
            unsigned d = walk->scatters ? i : p->dim_order[i];
            walk->index[k][i] = operand->sizes[d] == 1 ? 0 : index[d];
        }
    }
    for (unsigned e = 0; e < x->rank; e++)
        if (from[e] >= PRT_INDEXED)
            walk->use[walk->uses++] =
                (struct use){from[e] - (unsigned)PRT_INDEXED, x->sizes[e], own[e]};
}

/* Innermost loops that run along memory on both sides become the block. */
static void take_block(struct walk *walk)
{
    walk->block = 1;
    while (walk->rank > 0) {
        unsigned i = walk->rank - 1;
        bool dense = walk->sizes[i] == 1 ||
                     (walk->p[i] == (int64_t)walk->block && walk->c[i] == (int64_t)walk->block);
        for (unsigned k = 0; k < walk->operands; k++)
            dense = dense && (walk->sizes[i] == 1 || walk->index[k][i] == 0);
        if (!dense)
            break;
        walk->block *= (size_t)walk->sizes[i];
        walk->rank--;
    }
    walk->steps = walk->block ? 1 : 0;
    for (unsigned i = 0; i < walk->rank; i++)
        walk->steps *= (size_t)walk->sizes[i];
}

static enum percept_status prepare_walk(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_node *node = prepare->node;
    const struct prt_tensor *x = cpu_operand(prepare->graph, node, 0),
                            *y = cpu_result(prepare->graph, node);
    struct walk *walk = cpu_prepare_alloc(prepare, sizeof *walk);
    if (!walk)
        return PERCEPT_NO_MEMORY;
    walk->scatters = node->op == PRT_OP_SCATTER;
    walk->first = walk->scatters ? 2 : 1;
    walk->operands = node->input_count - walk->first;
    walk->size = prt_dtype_size(x->dtype);
    walk->name = node->name;
    const struct prt_tensor *p = walk->scatters ? cpu_operand(prepare->graph, node, 1) : y;
    add_loops(walk, prepare, walk->scatters ? y : x, p);
    take_block(walk);
    bool add = walk->scatters && node->attrs.index.add;
    walk->move = add ? adder_of(y->dtype) : mover_of(walk->block * walk->size);
    if (walk->scatters) {
        int64_t to[PRT_MAX_RANK], from[PRT_MAX_RANK];
        prt_tensor_strides(y, to);
        prt_tensor_strides(x, from);
        cpu_copy_init(&walk->keep, prepare->loops, y, y->sizes, to, from);
    }
    step->run = walk_run;
    step->kernel = walk->scatters ? "scatter" : "gather";
    step->state = walk;
    return PERCEPT_OK;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *y = cpu_result(graph, node);
    return prt_dtype_size(y->dtype) != 0 &&
           (node->op == PRT_OP_GATHER || adder_of(y->dtype) != NULL);
}

const struct cpu_kernel cpu_gather = {.supports = supports, .prepare = prepare_walk};
const struct cpu_kernel cpu_scatter = {.supports = supports, .prepare = prepare_walk};
