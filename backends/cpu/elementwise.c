/* Why: broadcasting, layouts, element types and threads are solved here once for all simple ops. */
#include "backends/cpu/elementwise.h"

#include <stdalign.h>
#include <string.h>

struct operand {
    uint32_t value; /* PRT_NO_VALUE: the scalar below */
    size_t size;    /* bytes an element */
    bool direct;    /* of the domain's type: a body may read it where it lies */
    cpu_load load;
    struct cpu_code code;
    alignas(8) char scalar[8]; /* in the domain's type */
};

struct elementwise {
    struct prt_nest nest; /* operand 0 is the result, which is dense in this order */
    enum cpu_domain domain;
    cpu_body body;
    struct cpu_params params;
    unsigned operands;
    bool expand;
    bool tiled; /* some operand or the result needs a buffer */
    struct operand x[3];
    size_t y_size;
    cpu_store store; /* NULL: the result is of the domain's type */
    struct cpu_code code;
};

const size_t cpu_domain_size[CPU_DOMAINS] = {sizeof(float), sizeof(double), sizeof(int64_t)};
static const enum prt_dtype domain_dtype[CPU_DOMAINS] = {PRT_F32, PRT_F64, PRT_I64};

static bool of_domain(const struct prt_tensor *tensor, enum cpu_domain domain)
{
    return tensor->dtype == domain_dtype[domain];
}

/* ---- what fits ---- */

static bool is_float(const struct prt_tensor *tensor)
{
    return tensor->dtype == PRT_F32 || tensor->dtype == PRT_F16 || tensor->dtype == PRT_BF16;
}

enum cpu_domain cpu_domain_of(const struct prt_graph *graph, const struct prt_node *node)
{
    bool any_float = false, any_double = false, any_integer = false, real_scalar = false;
    for (unsigned i = 0; i <= node->input_count; i++) {
        const struct prt_tensor *tensor =
            i < node->input_count ? cpu_operand(graph, node, i) : cpu_result(graph, node);
        if (!tensor)
            real_scalar |= node->inputs[i] != PRT_NO_VALUE &&
                           graph->values[node->inputs[i]].kind == PRT_VALUE_DOUBLE;
        else if (tensor->dtype == PRT_F64)
            any_double = true;
        else if (is_float(tensor) || tensor->quant.kind != PRT_QUANT_NONE)
            any_float = true;
        else if (tensor->dtype != PRT_BOOL)
            any_integer = true;
    }
    if (any_double || (any_float && any_integer) || (real_scalar && !any_float))
        return CPU_DOMAIN_F64;
    return any_float ? CPU_DOMAIN_F32 : CPU_DOMAIN_I64;
}

static bool code_fits(const struct prt_tensor *tensor, enum cpu_domain domain)
{
    if (tensor->quant.kind == PRT_QUANT_NONE)
        return domain != CPU_DOMAIN_F32 || is_float(tensor) || tensor->dtype == PRT_BOOL;
    return domain == CPU_DOMAIN_F32 && tensor->quant.kind == PRT_QUANT_PER_TENSOR;
}

static cpu_load load_of(const struct cpu_loops *loops, const struct prt_tensor *tensor,
                        enum cpu_domain domain)
{
    return domain == CPU_DOMAIN_F32 ? loops->load[tensor->dtype]
                                    : cpu_wide_load[domain][tensor->dtype];
}

static cpu_store store_of(const struct cpu_loops *loops, const struct prt_tensor *tensor,
                          enum cpu_domain domain)
{
    return domain == CPU_DOMAIN_F32 ? loops->store[tensor->dtype]
                                    : cpu_wide_store[domain][tensor->dtype];
}

/* Of values that are of the domain's type already. */
static cpu_load load_as_is(const struct cpu_loops *loops, enum cpu_domain domain)
{
    struct prt_tensor tensor = {.dtype = domain_dtype[domain]};
    return load_of(loops, &tensor, domain);
}

bool cpu_can_load(const struct prt_tensor *tensor, enum cpu_domain domain)
{
    return code_fits(tensor, domain) && load_of(&cpu_loops_plain, tensor, domain);
}

bool cpu_can_store(const struct prt_tensor *tensor, enum cpu_domain domain)
{
    return code_fits(tensor, domain) && store_of(&cpu_loops_plain, tensor, domain);
}

bool cpu_elementwise_supports(const struct prt_graph *graph, const struct prt_node *node,
                              enum cpu_domain domain)
{
    for (unsigned i = 0; i < node->input_count; i++) {
        const struct prt_tensor *tensor = cpu_operand(graph, node, i);
        if (tensor && !cpu_can_load(tensor, domain))
            return false;
    }
    return cpu_can_store(cpu_result(graph, node), domain);
}

/* ---- running ---- */

struct elementwise_run {
    const struct elementwise *op;
    char *y;
    const char *x[3];
};

/* Where element `start` of row `first` of the region lies, for nest operand o. */
static int64_t position(const struct cpu_rows *rows, unsigned o, size_t first, size_t start)
{
    return rows->offset[o] + (int64_t)first * rows->row[o] + (int64_t)start * rows->step[o];
}

/* Point operand i of the tile at its numbers, through the buffer when they have to be loaded. */
static void bring(const struct elementwise_run *run, unsigned i, const struct cpu_rows *rows,
                  size_t first, size_t start, char *buffer, struct cpu_tile *tile)
{
    const struct elementwise *op = run->op;
    const struct operand *x = &op->x[i];
    int64_t row = rows->row[i + 1], step = rows->step[i + 1], size = (int64_t)x->size;
    const char *from = run->x[i] + position(rows, i + 1, first, start) * size;
    bool repeats = step == 0 && !op->expand;
    tile->x[i].step = repeats ? 0 : 1;
    /* A body follows rows; a store alone wants one run; with neither, loading is the copy. */
    bool usable = op->body || (op->store && (tile->rows == 1 || row == (int64_t)tile->count));
    if (x->direct && usable && (step == 1 || repeats)) {
        tile->x[i].p = from;
        tile->x[i].row = row;
        return;
    }
    size_t count = repeats ? 1 : tile->count, times = row ? tile->rows : 1;
    tile->x[i].p = buffer;
    tile->x[i].row = row ? (int64_t)count : 0;
    if (step == 1 && row == (int64_t)count) {
        count *= times;
        times = 1;
    }
    size_t pitch = count * cpu_domain_size[op->domain];
    for (size_t r = 0; r < times; r++)
        x->load(count, buffer + r * pitch, from + (int64_t)r * row * size, step, &x->code);
}

static void run_tile(const struct elementwise_run *run, const struct cpu_rows *rows, size_t first,
                     size_t start, struct cpu_tile *tile)
{
    alignas(64) char buffers[4][CPU_TILE * sizeof(double)];
    const struct elementwise *op = run->op;
    char *y = run->y + position(rows, 0, first, start) * (int64_t)op->y_size;
    /* Without a body a load into the result is all there is to do. */
    bool load_only = !op->body && !op->store;
    for (unsigned i = 0; i < op->operands; i++)
        bring(run, i, rows, first, start, load_only ? y : buffers[i], tile);
    const void *result = tile->x[0].p;
    if (op->body) {
        tile->y = op->store ? buffers[3] : y;
        tile->y_row = (int64_t)tile->count;
        op->body(tile, &op->params);
        result = tile->y;
    }
    if (op->store)
        op->store(tile->rows * tile->count, y, 1, result, &op->code);
}

static void run_region(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct elementwise_run *run = context;
    struct cpu_tile tile = {.rows = rows->rows, .count = rows->count};
    if (!run->op->tiled) {
        run_tile(run, rows, 0, 0, &tile);
        return;
    }
    if (rows->count > CPU_TILE) {
        tile.rows = 1;
        for (size_t r = 0; r < rows->rows; r++)
            for (size_t start = 0; start < rows->count; start += CPU_TILE) {
                size_t rest = rows->count - start;
                tile.count = rest < CPU_TILE ? rest : CPU_TILE;
                run_tile(run, rows, r, start, &tile);
            }
        return;
    }
    size_t batch = CPU_TILE / rows->count;
    for (size_t r = 0; r < rows->rows; r += batch) {
        tile.rows = rows->rows - r < batch ? rows->rows - r : batch;
        run_tile(run, rows, r, 0, &tile);
    }
}

static void run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct elementwise *op = step->state;
    struct elementwise_run job = {.op = op, .y = run->data[step->output]};
    for (unsigned i = 0; i < op->operands; i++)
        job.x[i] = op->x[i].value == PRT_NO_VALUE ? op->x[i].scalar : run->data[op->x[i].value];
    cpu_nest_run(&op->nest, CPU_GRAIN, run->pool, run_region, &job);
}

/* ---- preparing ---- */

static void capture_scalar(const struct prt_value *value, enum cpu_domain domain, char scalar[8])
{
    double real = value->kind == PRT_VALUE_DOUBLE ? value->d
                  : value->kind == PRT_VALUE_INT  ? (double)value->i
                                                  : (double)value->b;
    float single = (float)real;
    int64_t integer = value->kind == PRT_VALUE_INT    ? value->i
                      : value->kind == PRT_VALUE_BOOL ? value->b
                                                      : cpu_to_i64(real);
    const void *from[CPU_DOMAINS] = {&single, &real, &integer};
    memcpy(scalar, from[domain], cpu_domain_size[domain]);
}

enum percept_status cpu_elementwise_prepare_strided(const struct cpu_prepare *prepare,
                                                    const struct cpu_elementwise *what,
                                                    unsigned operands, unsigned index,
                                                    const int64_t *strides, struct cpu_step *step)
{
    struct elementwise *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    op->domain = what->domain;
    op->body = what->body;
    op->params = what->params;
    op->expand = what->expand;
    op->operands = operands;
    op->y_size = prt_dtype_size(y->dtype);
    op->code = cpu_code_of(y);
    if (!of_domain(y, op->domain))
        op->store = store_of(prepare->loops, y, op->domain);
    prt_nest_init(&op->nest, y);
    prt_nest_add_tensor(&op->nest, y);
    for (unsigned i = 0; i < operands; i++) {
        const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, i);
        uint32_t id = prepare->node->inputs[i];
        if (!x) {
            op->x[i] = (struct operand){.value = PRT_NO_VALUE, .direct = true};
            op->x[i].size = cpu_domain_size[op->domain];
            op->x[i].load = load_as_is(prepare->loops, op->domain);
            capture_scalar(&prepare->graph->values[id], op->domain, op->x[i].scalar);
            prt_nest_add(&op->nest, (const int64_t[PRT_MAX_RANK]){0});
            continue;
        }
        op->x[i] = (struct operand){
            .value = id,
            .size = prt_dtype_size(x->dtype),
            .direct = of_domain(x, op->domain),
            .load = load_of(prepare->loops, x, op->domain),
            .code = cpu_code_of(x),
        };
        if (strides && i == index)
            prt_nest_add(&op->nest, strides);
        else
            prt_nest_add_tensor(&op->nest, x);
    }
    prt_nest_finish(&op->nest);
    op->tiled = op->store || !op->body;
    for (unsigned i = 0; i < operands; i++) {
        int64_t last = op->nest.strides[i + 1][op->nest.rank - 1];
        op->tiled |= !op->x[i].direct || !(last == 1 || (last == 0 && !op->expand));
    }
    step->run = run;
    step->kernel = what->kernel;
    step->state = op;
    return PERCEPT_OK;
}

enum percept_status cpu_elementwise_prepare(const struct cpu_prepare *prepare,
                                            const struct cpu_elementwise *op, unsigned operands,
                                            struct cpu_step *step)
{
    return cpu_elementwise_prepare_strided(prepare, op, operands, 0, NULL, step);
}
