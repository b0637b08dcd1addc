#include "one_node.h"
#include "isas.h"
#include "on_dsp.h"
#include "on_vulkan.h"

#include "backends/cpu/cpu.h"
#include "base/thread_pool.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* After every tensor, NaN as floats: whoever reads on will show it. */
enum { GUARD = 256, GUARD_BYTE = 0xff };

/* ---- random numbers ---- */

static uint64_t state;

void random_seed(uint64_t seed)
{
    state = seed * 0x9e3779b97f4a7c15u + 1;
}

uint32_t random_u32(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

int32_t random_between(int32_t lo, int32_t hi)
{
    return lo + (int32_t)(random_u32() % ((uint32_t)(hi - lo) + 1));
}

double random_real(double lo, double hi)
{
    return lo + (hi - lo) * (double)random_u32() / (double)UINT32_MAX;
}

/* ---- tensors ---- */

struct prt_tensor tensor_of(enum prt_dtype dtype, unsigned rank, const int32_t *sizes)
{
    struct prt_tensor tensor = {.dtype = dtype, .rank = (uint8_t)rank};
    for (unsigned i = 0; i < rank; i++) {
        tensor.dim_order[i] = (uint8_t)i;
        tensor.sizes[i] = sizes[i];
    }
    return tensor;
}

struct prt_tensor tensor_scalar(enum prt_dtype dtype)
{
    return tensor_of(dtype, 0, NULL);
}

struct prt_tensor quantised(struct prt_tensor tensor, double scale, int32_t zero_point)
{
    tensor.quant.kind = PRT_QUANT_PER_TENSOR;
    tensor.quant.scale = (float)scale;
    tensor.quant.zero_point = zero_point;
    return tensor;
}

struct prt_tensor shuffled(struct prt_tensor tensor)
{
    for (unsigned i = tensor.rank; i > 1; i--) {
        unsigned j = (unsigned)random_between(0, (int32_t)i - 1);
        uint8_t swapped = tensor.dim_order[i - 1];
        tensor.dim_order[i - 1] = tensor.dim_order[j];
        tensor.dim_order[j] = swapped;
    }
    return tensor;
}

struct prt_tensor channels_last(struct prt_tensor tensor)
{
    memcpy(tensor.dim_order, (uint8_t[]){0, 2, 3, 1}, 4);
    return tensor;
}

struct prt_tensor random_shape(enum prt_dtype dtype, unsigned max_rank, int32_t max_size)
{
    int32_t sizes[PRT_MAX_RANK];
    unsigned rank = (unsigned)random_between(0, (int32_t)max_rank);
    for (unsigned i = 0; i < rank; i++)
        sizes[i] = random_between(0, 3) ? random_between(1, max_size) : 1;
    return tensor_of(dtype, rank, sizes);
}

/* ---- the node ---- */

struct one_node one_node_begin(void)
{
    struct one_node one = {.y = PRT_NO_VALUE};
    ck_assert_int_eq(prt_graph_create(&one.graph, NULL), PERCEPT_OK);
    return one;
}

void one_node_end(struct one_node *one)
{
    for (unsigned i = 0; i < sizeof one->data / sizeof one->data[0]; i++)
        free(one->data[i]);
    prt_graph_destroy(one->graph);
}

static uint32_t add_tensor(struct one_node *one, const struct prt_tensor *tensor)
{
    uint32_t id = prt_graph_add_tensor(one->graph, tensor);
    ck_assert_uint_lt(id, sizeof one->data / sizeof one->data[0]);
    size_t room = (one->graph->values[id].bytes + GUARD + 63) & ~(size_t)63;
    one->data[id] = aligned_alloc(64, room);
    memset(one->data[id], GUARD_BYTE, room);
    memset(one->data[id], 0, one->graph->values[id].bytes);
    return id;
}

static bool guard_intact(const struct one_node *one, uint32_t id)
{
    const uint8_t *guard = (const uint8_t *)one->data[id] + one->graph->values[id].bytes;
    for (int i = 0; i < GUARD; i++)
        if (guard[i] != GUARD_BYTE)
            return false;
    return true;
}

uint32_t one_node_input(struct one_node *one, struct prt_tensor tensor)
{
    uint32_t id = add_tensor(one, &tensor);
    one->graph->values[id].flags = PRT_FLAG_INPUT;
    return id;
}

uint32_t one_node_int(struct one_node *one, int64_t value)
{
    uint32_t id = prt_graph_add_value(one->graph, PRT_VALUE_INT);
    one->graph->values[id].i = value;
    return id;
}

uint32_t one_node_double(struct one_node *one, double value)
{
    uint32_t id = prt_graph_add_value(one->graph, PRT_VALUE_DOUBLE);
    one->graph->values[id].d = value;
    return id;
}

void one_node_make_constant(struct one_node *one, uint32_t id)
{
    one->graph->values[id].flags = PRT_FLAG_CONSTANT;
    one->graph->values[id].data = one->data[id];
}

struct prt_node *one_node_make(struct one_node *one, enum prt_op op, struct prt_tensor y,
                               unsigned count, const uint32_t *inputs)
{
    one->y = add_tensor(one, &y);
    one->graph->values[one->y].flags = PRT_FLAG_OUTPUT;
    struct prt_node *node = prt_graph_add_node(one->graph, op, count, 1);
    memcpy(node->inputs, inputs, count * sizeof *inputs);
    node->outputs[0] = one->y;
    return node;
}

static void finish(struct one_node *one)
{
    /* What was said to be an input must be listed as one, as must the output. */
    uint32_t *lists = base_arena_array(&one->graph->arena, 17, sizeof *lists);
    one->graph->inputs = lists;
    one->graph->outputs = lists + 16;
    one->graph->input_count = 0;
    for (uint32_t i = 0; i < one->graph->value_count; i++)
        if (one->graph->values[i].flags & PRT_FLAG_INPUT)
            lists[one->graph->input_count++] = i;
    one->graph->outputs[0] = one->y;
    one->graph->output_count = 1;
    struct percept_error error = {0};
    enum percept_status status = prt_graph_finish(one->graph, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    ck_assert_uint_eq(one->graph->node_count, 1);
}

bool one_node_supported(struct one_node *one)
{
    finish(one);
    return prt_cpu_backend.supports(one->graph, &one->graph->nodes[0]);
}

/* NULL, or how the run ended. */
static const char *try_once(struct one_node *one, const char *isa, struct base_pool *pool)
{
    static struct percept_error error;
    uint32_t index = 0;
    struct prt_compile compile = {.graph = one->graph,
                                  .nodes = &index,
                                  .node_count = 1,
                                  .threads = pool ? base_pool_threads(pool) : 1};
    struct prt_segment *segment = NULL;
    setenv("PERCEPT_CPU_ISA", isa, 1);
    enum percept_status status = prt_cpu_backend.compile(&compile, &segment, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    size_t scratch = prt_cpu_backend.scratch_bytes(segment);
    struct prt_step_time time = {0};
    struct prt_execution execution = {.data = one->data, .pool = pool, .times = &time};
    execution.scratch = aligned_alloc(64, (scratch + 127) & ~(size_t)63);
    memset(execution.scratch, 0xff, scratch); /* its contents are undefined: all NaN */
    memset(one->data[one->y], 0x5b, one->graph->values[one->y].bytes);
    status = prt_cpu_backend.execute(segment, &execution, &error);
    ck_assert_ptr_nonnull(time.kernel);
    ck_assert_int_ge(time.end_ns, time.start_ns);
    prt_cpu_backend.destroy(segment);
    free(execution.scratch);
    return status == PERCEPT_OK ? NULL : error.message;
}

static void run_once(struct one_node *one, const char *isa, struct base_pool *pool)
{
    const char *message = try_once(one, isa, pool);
    ck_assert_msg(!message, "%s", message);
}

/* Which NaN an operation gives depends on the order of its operands, which compilers may swap. */
static void make_nan_one(struct one_node *one)
{
    const struct prt_tensor *y = one_node_spec(one, one->y);
    float *elements = one->data[one->y];
    for (size_t i = 0; y->dtype == PRT_F32 && i < prt_tensor_elements(y); i++)
        if (isnan(elements[i]))
            elements[i] = NAN;
}

static struct base_pool *shared_pool(void)
{
    static struct base_pool *pool;
    if (!pool)
        ck_assert_int_eq(base_pool_create(3, &pool, NULL), PERCEPT_OK);
    return pool;
}

/* Copies of the operands, to see that a run leaves them alone. */
struct operands {
    void *before[16];
};

static struct operands keep(const struct one_node *one)
{
    struct operands kept = {{0}};
    for (uint32_t i = 0; i < one->graph->value_count; i++)
        if (one->data[i] && i != one->y) {
            kept.before[i] = malloc(one->graph->values[i].bytes + 1);
            memcpy(kept.before[i], one->data[i], one->graph->values[i].bytes);
        }
    return kept;
}

static void compare_and_free(const struct one_node *one, struct operands *kept)
{
    for (uint32_t i = 0; i < one->graph->value_count; i++)
        if (kept->before[i]) {
            ck_assert_int_eq(memcmp(kept->before[i], one->data[i], one->graph->values[i].bytes), 0);
            free(kept->before[i]);
        }
    ck_assert(guard_intact(one, one->y));
}

/* Run with a pool and expect the bits of `first`. */
static void expect_same_bits(struct one_node *one, const char *isa, struct base_pool *pool,
                             const void *first)
{
    run_once(one, isa, pool);
    make_nan_one(one);
    ck_assert_msg(memcmp(first, one->data[one->y], one->graph->values[one->y].bytes) == 0,
                  "%s with %s gives other bits", isa, pool ? "a pool" : "no pool");
}

static void *run_first(struct one_node *one, const char *isa)
{
    run_once(one, isa, NULL);
    make_nan_one(one);
    void *first = malloc(one->graph->values[one->y].bytes + 1);
    memcpy(first, one->data[one->y], one->graph->values[one->y].bytes);
    return first;
}

/* The plain CPU's result, for another backend to come near. */
static bool run_elsewhere(struct one_node *one)
{
#ifdef ONE_NODE_ON_VULKAN
    free(run_first(one, cpu_isa_name(CPU_ISA_PLAIN)));
    on_vulkan_compare(one);
    return true;
#elif defined(ONE_NODE_ON_DSP)
    free(run_first(one, cpu_isa_name(CPU_ISA_PLAIN)));
    on_dsp_compare(one);
    return true;
#else
    (void)one;
    return false;
#endif
}

void one_node_run(struct one_node *one)
{
    ck_assert(one_node_supported(one));
    if (run_elsewhere(one))
        return;
    struct operands kept = keep(one);
    void *first = run_first(one, cpu_isa_name(CPU_ISA_PLAIN));
    for (enum cpu_isa isa = CPU_ISA_PLAIN; isa < CPU_ISA_COUNT; isa++) {
        if (!isa_is_tested(isa))
            continue;
        expect_same_bits(one, cpu_isa_name(isa), NULL, first);
        expect_same_bits(one, cpu_isa_name(isa), shared_pool(), first);
    }
    free(first);
    compare_and_free(one, &kept);
}

void one_node_run_fails(struct one_node *one, const char *message)
{
    ck_assert(one_node_supported(one));
    struct operands kept = keep(one);
    for (unsigned i = 0; i < 2 * CPU_ISA_COUNT; i++) {
        enum cpu_isa isa = (enum cpu_isa)(i / 2);
        if (!isa_is_tested(isa))
            continue;
        const char *got = try_once(one, cpu_isa_name(isa), i % 2 ? shared_pool() : NULL);
        ck_assert_ptr_nonnull(got);
        ck_assert_str_eq(got, message);
    }
#ifdef ONE_NODE_ON_VULKAN
    on_vulkan_fails(one, message);
#endif
    compare_and_free(one, &kept);
}

void one_node_run_near(struct one_node *one, reference expected, const void *context,
                       double tolerance)
{
    ck_assert(one_node_supported(one));
    if (run_elsewhere(one)) {
#ifdef ONE_NODE_ON_DSP
        on_dsp_check(one, expected, context);
#endif
        return;
    }
    struct operands kept = keep(one);
    for (enum cpu_isa isa = CPU_ISA_PLAIN; isa < CPU_ISA_COUNT; isa++) {
        if (!isa_is_tested(isa))
            continue;
        void *first = run_first(one, cpu_isa_name(isa));
        one_node_check(one, expected, context, tolerance);
        expect_same_bits(one, cpu_isa_name(isa), shared_pool(), first);
        free(first);
    }
    compare_and_free(one, &kept);
}

/* ---- elements ---- */

const struct prt_tensor *one_node_spec(const struct one_node *one, uint32_t id)
{
    return &one->graph->values[id].tensor;
}

static size_t offset_of(const struct prt_tensor *tensor, const int32_t *index)
{
    int64_t strides[PRT_MAX_RANK], offset = 0;
    prt_tensor_strides(tensor, strides);
    for (unsigned i = 0; i < tensor->rank; i++)
        offset += index[i] * strides[i];
    return (size_t)offset * prt_dtype_size(tensor->dtype);
}

/* Sign, exponent and fraction by the book, not by the tricks under test. */
static double half_value(uint16_t bits, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1, all = (1 << exponent_bits) - 1;
    int exponent = bits >> fraction_bits & all, fraction = bits & ((1 << fraction_bits) - 1);
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == all)
        return fraction ? NAN : sign * HUGE_VAL;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

/* The nearest of all 2^16 values; exact for those that fit. */
static uint16_t half_bits(double value, int exponent_bits, int fraction_bits)
{
    if (isnan(value))
        return 0x7fff;
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    uint32_t lo = 0, hi = ((1u << exponent_bits) - 1) << fraction_bits;
    value = fabs(value);
    while (hi - lo > 1) {
        uint32_t middle = (lo + hi) / 2;
        if (half_value((uint16_t)middle, exponent_bits, fraction_bits) <= value)
            lo = middle;
        else
            hi = middle;
    }
    return (uint16_t)(sign | (isinf(value) ? hi : lo));
}

static void scale_of(const struct prt_tensor *tensor, const int32_t *index, double *scale,
                     double *zero)
{
    const struct prt_quant *quant = &tensor->quant;
    *scale = 1;
    *zero = 0;
    if (quant->kind == PRT_QUANT_PER_TENSOR) {
        *scale = (double)quant->scale;
        *zero = quant->zero_point;
    } else if (quant->kind == PRT_QUANT_PER_CHANNEL) {
        *scale = (double)quant->scales[index[quant->axis]];
        *zero = quant->zero_points ? quant->zero_points[index[quant->axis]] : 0;
    }
}

double one_node_get(const struct one_node *one, uint32_t id, const int32_t *index)
{
    const struct prt_tensor *tensor = one_node_spec(one, id);
    const void *p = (const char *)one->data[id] + offset_of(tensor, index);
    double scale, zero;
    scale_of(tensor, index, &scale, &zero);
    switch (tensor->dtype) {
    case PRT_F32:
        return (double)*(const float *)p;
    case PRT_F64:
        return *(const double *)p;
    case PRT_F16:
        return half_value(*(const uint16_t *)p, 5, 10);
    case PRT_BF16:
        return half_value(*(const uint16_t *)p, 8, 7);
    case PRT_I8:
        return (*(const int8_t *)p - zero) * scale;
    case PRT_U8:
        return (*(const uint8_t *)p - zero) * scale;
    case PRT_I32:
        return (*(const int32_t *)p - zero) * scale;
    case PRT_BOOL:
        return *(const uint8_t *)p;
    case PRT_I16:
        return (*(const int16_t *)p - zero) * scale;
    case PRT_U16:
        return (*(const uint16_t *)p - zero) * scale;
    case PRT_U32:
        return *(const uint32_t *)p;
    default:
        return (double)*(const int64_t *)p;
    }
}

void one_node_set(struct one_node *one, uint32_t id, const int32_t *index, double value)
{
    const struct prt_tensor *tensor = one_node_spec(one, id);
    void *p = (char *)one->data[id] + offset_of(tensor, index);
    double scale, zero;
    scale_of(tensor, index, &scale, &zero);
    double code = tensor->quant.kind == PRT_QUANT_NONE ? value : rint(value / scale + zero);
    switch (tensor->dtype) {
    case PRT_F32:
        *(float *)p = (float)value;
        break;
    case PRT_F64:
        *(double *)p = value;
        break;
    case PRT_F16:
        *(uint16_t *)p = half_bits(value, 5, 10);
        break;
    case PRT_BF16:
        *(uint16_t *)p = half_bits(value, 8, 7);
        break;
    case PRT_I8:
        *(int8_t *)p = (int8_t)code;
        break;
    case PRT_U8:
    case PRT_BOOL:
        *(uint8_t *)p = (uint8_t)code;
        break;
    case PRT_I16:
        *(int16_t *)p = (int16_t)code;
        break;
    case PRT_U16:
        *(uint16_t *)p = (uint16_t)code;
        break;
    case PRT_I32:
        *(int32_t *)p = (int32_t)code;
        break;
    case PRT_U32:
        *(uint32_t *)p = (uint32_t)code;
        break;
    default:
        *(int64_t *)p = (int64_t)code;
        break;
    }
}

static bool is_floating(const struct prt_tensor *tensor)
{
    return tensor->dtype == PRT_F32 || tensor->dtype == PRT_F64 || tensor->dtype == PRT_F16 ||
           tensor->dtype == PRT_BF16;
}

void one_node_fill(struct one_node *one, uint32_t id, double lo, double hi)
{
    const struct prt_tensor *tensor = one_node_spec(one, id);
    int32_t index[PRT_MAX_RANK] = {0};
    if (prt_tensor_elements(tensor) == 0)
        return;
    do {
        uint32_t code = random_u32();
        if (tensor->quant.kind != PRT_QUANT_NONE && tensor->dtype != PRT_I32)
            memcpy((uint8_t *)one->data[id] + offset_of(tensor, index), &code,
                   prt_dtype_size(tensor->dtype));
        else if (tensor->dtype == PRT_BOOL)
            one_node_set(one, id, index, random_between(0, 1));
        else
            one_node_set(one, id, index,
                         is_floating(tensor) ? random_real(lo, hi)
                                             : random_between((int32_t)lo, (int32_t)hi));
    } while (next_index(tensor, index));
}

void one_node_fill_edges(struct one_node *one, uint32_t id)
{
    static const double edges[] = {NAN, HUGE_VAL, -HUGE_VAL, 0.0, -0.0, 1e30, -1e30, 1e-30, 0.5};
    const struct prt_tensor *tensor = one_node_spec(one, id);
    if (!is_floating(tensor))
        return;
    for (unsigned i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        int32_t index[PRT_MAX_RANK];
        for (unsigned d = 0; d < tensor->rank; d++) {
            if (tensor->sizes[d] == 0)
                return;
            index[d] = random_between(0, tensor->sizes[d] - 1);
        }
        one_node_set(one, id, index, edges[i]);
    }
}

bool next_index(const struct prt_tensor *tensor, int32_t *index)
{
    for (unsigned i = tensor->rank; i-- > 0;) {
        if (++index[i] < tensor->sizes[i])
            return true;
        index[i] = 0;
    }
    return false;
}

double one_node_broadcast(const struct one_node *one, uint32_t id, const int32_t *index)
{
    const struct prt_value *value = &one->graph->values[id];
    if (value->kind == PRT_VALUE_INT)
        return (double)value->i;
    if (value->kind == PRT_VALUE_DOUBLE)
        return value->d;
    const struct prt_tensor *tensor = &value->tensor;
    unsigned skip = one_node_spec(one, one->y)->rank - tensor->rank;
    int32_t own[PRT_MAX_RANK];
    for (unsigned i = 0; i < tensor->rank; i++)
        own[i] = tensor->sizes[i] == 1 ? 0 : index[skip + i];
    return one_node_get(one, id, own);
}

static bool near(const struct prt_tensor *y, double got, double expected, double tolerance)
{
    if (y->dtype == PRT_F32)
        expected = (double)(float)expected;
    if (isnan(expected) && is_floating(y))
        return isnan(got);
    if (y->quant.kind == PRT_QUANT_PER_TENSOR) {
        double codes = ldexp(1, 8 * (int)prt_dtype_size(y->dtype));
        double lo = y->dtype == PRT_U8 || y->dtype == PRT_U16 ? 0 : -codes / 2, hi = lo + codes - 1;
        double code = got / (double)y->quant.scale + y->quant.zero_point;
        double wanted = expected / (double)y->quant.scale + y->quant.zero_point;
        wanted = wanted > lo ? wanted : lo; /* also NaN */
        wanted = wanted < hi ? wanted : hi;
        return fabs(rint(code) - wanted) <= 0.5 + tolerance;
    }
    if (isinf(expected) || isinf(got))
        return got == expected;
    return fabs(got - expected) <= tolerance * fmax(1, fabs(expected));
}

void one_node_check(const struct one_node *one, reference expected, const void *context,
                    double tolerance)
{
    const struct prt_tensor *y = one_node_spec(one, one->y);
    int32_t index[PRT_MAX_RANK] = {0};
    if (prt_tensor_elements(y) == 0)
        return;
    do {
        double got = one_node_get(one, one->y, index), wanted = expected(one, index, context);
        if (near(y, got, wanted, tolerance))
            continue;
        char text[128];
        ck_abort_msg("%s, element %d, %d, %d, %d of %s: got %.9g, expected %.9g",
                     prt_op_name(one->graph->nodes[0].op), index[0], index[1], index[2], index[3],
                     prt_tensor_describe(y, text, sizeof text), got, wanted);
    } while (next_index(y, index));
}
