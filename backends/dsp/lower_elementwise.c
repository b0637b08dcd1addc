/* Why: sums, products and prelus in fixed point; any other function of one code is a table, whose
 * answers the CPU gives once. */
#include "backends/cpu/cpu.h"
#include "backends/dsp/lower.h"
#include "runtime/nest.h"

#include <math.h>
#include <string.h>

enum { MOST_SHIFT = 46, CODES = 256 };

static const char too_many_loops[] = "more loops than it has";

/* The loops of y and two operands, in the firmware's words. */
static bool fill_nest(struct prt_nest *loops, struct dsp_nest *nest)
{
    prt_nest_finish(loops);
    if (loops->rank > DSP_LOOPS)
        return false;
    nest->loops = loops->rank;
    for (unsigned i = 0; i < loops->rank; i++) {
        if (loops->sizes[i] > INT32_MAX)
            return false;
        nest->sizes[i] = (int32_t)loops->sizes[i];
        for (unsigned o = 0; o < loops->operands; o++)
            nest->strides[o][i] = loops->strides[o][i];
    }
    return true;
}

/* ---- BINARY ---- */

static bool is_number(const struct dsp_lowering *lowering, unsigned index)
{
    return lowering->node->inputs[index] != PRT_NO_VALUE && !dsp_operand(lowering, index);
}

/* Multipliers for both operands' codes. */
static bool fill_scales(const struct dsp_lowering *lowering, struct dsp_binary *binary)
{
    const struct prt_binary_attrs *attrs = &lowering->node->attrs.binary;
    double y = (double)dsp_result(lowering)->quant.scale;
    double a = (double)dsp_operand(lowering, 0)->quant.scale;
    double b = (double)dsp_operand(lowering, 1)->quant.scale;
    double ratios[2] = {a / y, b / y};
    if (binary->kind == DSP_MUL) {
        ratios[0] = a * b / y;
        ratios[1] = 0;
    } else if (binary->kind == DSP_ADD) {
        ratios[1] *= attrs->kind == PRT_BINARY_SUB ? -attrs->alpha : attrs->alpha;
    }
    if (!dsp_shift_for(fmax(ratios[0], fabs(ratios[1])), MOST_SHIFT, &binary->shift))
        return false;
    for (int i = 0; i < 2; i++)
        binary->multiplier[i] = dsp_multiplier(ratios[i], binary->shift);
    return true;
}

/* Both of plain integers of 8 bits, of which the larger or the smaller is chosen. */
static bool is_plain_choice(const struct dsp_lowering *lowering)
{
    enum prt_binary_kind kind = lowering->node->attrs.binary.kind;
    bool plain = kind == PRT_BINARY_MAX || kind == PRT_BINARY_MIN;
    for (unsigned i = 0; i < 3; i++) {
        const struct prt_tensor *x = i < 2 ? dsp_operand(lowering, i) : dsp_result(lowering);
        plain = plain && x->dtype == PRT_I8 && x->quant.kind == PRT_QUANT_NONE;
    }
    return plain && lowering->node->attrs.binary.act.kind == PRT_ACT_NONE;
}

/* Integers as they are: of 32 bits, or of 8 when that is the same. */
static bool fill_plain(const struct dsp_lowering *lowering, struct dsp_binary *binary)
{
    const struct prt_binary_attrs *attrs = &lowering->node->attrs.binary;
    bool scaled = attrs->kind == PRT_BINARY_ADD || attrs->kind == PRT_BINARY_SUB;
    double alpha = scaled ? attrs->alpha : 1;
    binary->wide = dsp_is_wide(lowering);
    binary->multiplier[0] = 1;
    binary->multiplier[1] = attrs->kind == PRT_BINARY_SUB ? -1 : 1;
    binary->code = (struct dsp_code){.lo = INT8_MIN, .hi = INT8_MAX};
    return alpha == 1 && attrs->act.kind == PRT_ACT_NONE;
}

const char *dsp_lower_binary(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    static const struct {
        bool known;
        uint8_t kind;
    } kinds[PRT_BINARY_COUNT] = {
        [PRT_BINARY_ADD] = {true, DSP_ADD}, [PRT_BINARY_SUB] = {true, DSP_ADD},
        [PRT_BINARY_MUL] = {true, DSP_MUL}, [PRT_BINARY_MAX] = {true, DSP_MAX},
        [PRT_BINARY_MIN] = {true, DSP_MIN},
    };
    const struct prt_binary_attrs *attrs = &lowering->node->attrs.binary;
    struct dsp_binary *binary = &lowered->step.as.binary;
    const struct prt_tensor *y = dsp_result(lowering);
    if (is_number(lowering, 0) || is_number(lowering, 1))
        return dsp_lower_function(lowering, lowered);
    if (!kinds[attrs->kind].known)
        return "it has no kernel for this function of two tensors";
    bool plain = dsp_is_wide(lowering) || is_plain_choice(lowering);
    if (!plain && !dsp_same_codes(y, dsp_operand(lowering, 0), dsp_operand(lowering, 1)))
        return "its operands are no codes of one type";
    lowered->step.op = DSP_BINARY;
    binary->kind = kinds[attrs->kind].kind;
    if (!plain)
        binary->code = dsp_code_for(y, &attrs->act);
    if (plain ? !fill_plain(lowering, binary) : !fill_scales(lowering, binary))
        return "scales that are too far apart";
    struct prt_nest loops;
    prt_nest_init(&loops, y);
    prt_nest_add_tensor(&loops, y);
    for (unsigned i = 0; i < 2; i++) {
        prt_nest_add_tensor(&loops, dsp_operand(lowering, i));
        binary->zero[i] = plain ? 0 : dsp_operand(lowering, i)->quant.zero_point;
        lowered->x[i] = lowering->node->inputs[i];
    }
    return fill_nest(&loops, &binary->nest) ? NULL : too_many_loops;
}

/* ---- PRELU ---- */

/* The largest multiplier of a code, which only the slopes tell. */
static double most_ratio(const struct dsp_lowering *lowering, double ratio)
{
    const struct prt_value *slope = dsp_constant(lowering, 1);
    double most = ratio;
    for (int32_t i = 0; lowering->compiles && i < slope->tensor.sizes[0]; i++)
        most = fmax(most, ratio * fabs((double)((const float *)slope->data)[i]));
    return most;
}

static double prelu_ratio(const struct dsp_lowering *lowering)
{
    return (double)dsp_operand(lowering, 0)->quant.scale /
           (double)dsp_result(lowering)->quant.scale;
}

const char *dsp_lower_prelu(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    const struct prt_value *slope = dsp_constant(lowering, 1);
    struct dsp_binary *prelu = &lowered->step.as.binary;
    if (!dsp_same_codes(x, y, NULL))
        return "its operands are no codes of one type";
    if (!slope || slope->tensor.dtype != PRT_F32)
        return "a slope that is computed at run time";
    double ratio = prelu_ratio(lowering);
    if (!dsp_shift_for(most_ratio(lowering, ratio), MOST_SHIFT, &prelu->shift))
        return "scales that are too far apart";
    lowered->step.op = DSP_PRELU;
    prelu->multiplier[0] = dsp_multiplier(ratio, prelu->shift);
    prelu->zero[0] = x->quant.zero_point;
    prelu->code = dsp_code_for(y, NULL);
    int64_t strides[PRT_MAX_RANK] = {0};
    strides[lowering->node->attrs.prelu.nhwc ? 3 : 1] = slope->tensor.sizes[0] != 1;
    struct prt_nest loops;
    prt_nest_init(&loops, y);
    prt_nest_add_tensor(&loops, y);
    prt_nest_add_tensor(&loops, x);
    prt_nest_add(&loops, strides);
    lowered->x[0] = lowering->node->inputs[0];
    lowered->step.x[1].space = DSP_CONSTANTS;
    return fill_nest(&loops, &prelu->nest) ? NULL : too_many_loops;
}

enum percept_status dsp_make_slopes(const struct dsp_lowering *lowering,
                                    const struct dsp_lowered *lowered, void *to,
                                    struct percept_error *error)
{
    const float *slopes = dsp_constant(lowering, 1)->data;
    double ratio = prelu_ratio(lowering);
    int32_t *multipliers = to;
    (void)error;
    for (uint64_t i = 0; i < lowered->step.x[1].bytes / sizeof *multipliers; i++)
        multipliers[i] = dsp_multiplier(ratio * (double)slopes[i], lowered->step.as.binary.shift);
    return PERCEPT_OK;
}

/* ---- TABLE ---- */

static bool is_byte(const struct prt_tensor *tensor)
{
    return tensor && (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8);
}

static void fill_table(const struct dsp_lowering *lowering, unsigned x, struct dsp_lowered *lowered)
{
    lowered->step.op = DSP_TABLE;
    lowered->step.as.table.count = prt_tensor_elements(dsp_result(lowering));
    lowered->step.as.table.flip = dsp_operand(lowering, x)->dtype == PRT_I8 ? 0x80 : 0;
    lowered->x[0] = lowering->node->inputs[x];
}

const char *dsp_lower_table(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    if (!is_byte(x) || !is_byte(y))
        return "its tables are of 8 bits";
    if (!prt_tensor_same_layout(x, y))
        return "operands of another layout";
    fill_table(lowering, 0, lowered);
    lowered->x[1] = lowering->node->inputs[1];
    return NULL;
}

/* The operand that is a tensor; the others are numbers. */
static unsigned variable(const struct dsp_lowering *lowering)
{
    unsigned i = 0;
    while (i + 1u < lowering->node->input_count && !dsp_operand(lowering, i))
        i++;
    return i;
}

/* Codes of two bytes have no table: of them it scales and clamps alone. */
static const char *scale_codes(const struct dsp_lowering *lowering, const struct prt_tensor *x,
                               const struct prt_tensor *y, struct dsp_lowered *lowered)
{
    const struct prt_node *node = lowering->node;
    struct prt_activation act = {.kind = PRT_ACT_NONE};
    if (node->op == PRT_OP_UNARY && node->attrs.unary.kind == PRT_UNARY_CLAMP)
        act = (struct prt_activation){PRT_ACT_CLAMP, (float)node->attrs.unary.a,
                                      (float)node->attrs.unary.b};
    else if (node->op != PRT_OP_QUANTIZE)
        return "a function of codes of 16 bits";
    const struct dsp_code code = dsp_code_for(y, &act);
    uint32_t shift;
    if (!dsp_shift_for((double)x->quant.scale / (double)y->quant.scale, MOST_SHIFT, &shift))
        return "scales that are too far apart";
    lowered->step.op = DSP_RESCALE;
    lowered->step.as.rescale = (struct dsp_rescale){
        .count = prt_tensor_elements(y),
        .scales = 1,
        .x_bytes = (uint32_t)prt_dtype_size(x->dtype),
        .y_bytes = (uint32_t)prt_dtype_size(y->dtype),
        .unsigned_x = dsp_type_of(x) % 2,
        .rounding = DSP_HALVES_EVEN,
        .zero_x = x->quant.zero_point,
        .zero_y = code.zero,
        .lo = code.lo,
        .hi = code.hi,
    };
    lowered->x[0] = node->inputs[0];
    lowered->step.x[1].space = DSP_CONSTANTS;
    return NULL;
}

void dsp_make_code_scale(const struct dsp_lowering *lowering, void *to)
{
    double ratio =
        (double)dsp_operand(lowering, 0)->quant.scale / (double)dsp_result(lowering)->quant.scale;
    struct dsp_scale *scale = to;
    (void)dsp_shift_for(ratio, MOST_SHIFT, &scale->shift);
    scale->multiplier = dsp_multiplier(ratio, scale->shift);
}

const char *dsp_lower_function(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *y = dsp_result(lowering);
    unsigned index = variable(lowering);
    const struct prt_tensor *x = dsp_operand(lowering, index);
    bool plain = is_byte(x) && is_byte(y) && x->quant.kind == PRT_QUANT_NONE &&
                 y->quant.kind == PRT_QUANT_NONE;
    if (!plain && (!dsp_is_codes(x) || !dsp_is_codes(y)))
        return "floats are the host's";
    if (!prt_tensor_same_sizes(x, y) || !prt_tensor_same_layout(x, y))
        return "operands of another layout";
    if (!plain && !(dsp_is_byte_codes(x) && dsp_is_byte_codes(y)))
        return scale_codes(lowering, x, y, lowered);
    if (!prt_cpu_backend.supports(lowering->graph, lowering->node))
        return "a function that the host has no table for";
    fill_table(lowering, index, lowered);
    lowered->step.x[1].space = DSP_CONSTANTS;
    return NULL;
}

/* ---- making a table ---- */

/* A graph of the node alone, from all codes in their order to the answers. */
static enum percept_status graph_of(const struct dsp_lowering *lowering, struct prt_graph *graph,
                                    uint8_t *codes, uint32_t ids[2], struct percept_error *error)
{
    const struct prt_node *node = lowering->node;
    unsigned variable_index = variable(lowering);
    struct prt_tensor row = *dsp_operand(lowering, variable_index), answers = *dsp_result(lowering);
    row.rank = answers.rank = 1;
    row.dim_order[0] = answers.dim_order[0] = 0;
    row.sizes[0] = answers.sizes[0] = CODES;
    for (int i = 0; i < CODES; i++)
        codes[i] = (uint8_t)(row.dtype == PRT_I8 ? i + INT8_MIN : i);
    ids[0] = prt_graph_add_tensor(graph, &row);
    ids[1] = prt_graph_add_tensor(graph, &answers);
    uint32_t *lists = base_arena_array(&graph->arena, 2, sizeof *lists);
    struct prt_node *copy = prt_graph_add_node(graph, node->op, node->input_count, 1);
    if (ids[0] == PRT_NO_VALUE || ids[1] == PRT_NO_VALUE || !copy || !lists)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a table");
    copy->attrs = node->attrs;
    copy->outputs[0] = ids[1];
    for (unsigned i = 0; i < node->input_count; i++) {
        if (i == variable_index || node->inputs[i] == PRT_NO_VALUE) {
            copy->inputs[i] = i == variable_index ? ids[0] : PRT_NO_VALUE;
            continue;
        }
        const struct prt_value *number = &lowering->graph->values[node->inputs[i]];
        uint32_t id = prt_graph_add_value(graph, number->kind);
        if (id == PRT_NO_VALUE)
            return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a table");
        graph->values[id] = *number;
        graph->values[id].producer = PRT_NO_VALUE;
        copy->inputs[i] = id;
    }
    lists[0] = ids[0];
    lists[1] = ids[1];
    graph->inputs = &lists[0];
    graph->outputs = &lists[1];
    graph->input_count = graph->output_count = 1;
    graph->values[ids[0]].flags = PRT_FLAG_INPUT;
    graph->values[ids[1]].flags = PRT_FLAG_OUTPUT;
    return prt_graph_finish(graph, error);
}

static enum percept_status ask_cpu(const struct prt_graph *graph, void **data,
                                   struct percept_error *error)
{
    static const uint32_t first = 0;
    _Alignas(64) static unsigned char no_scratch[64];
    const struct prt_compile compile = {
        .graph = graph, .nodes = &first, .node_count = 1, .threads = 1};
    struct prt_segment *segment;
    enum percept_status status = prt_cpu_backend.compile(&compile, &segment, error);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_execution execution = {.data = data, .scratch = no_scratch};
    status = prt_cpu_backend.scratch_bytes(segment) > sizeof no_scratch
                 ? percept_fail(error, PERCEPT_INTERNAL, "dsp: a table that needs scratch")
                 : prt_cpu_backend.execute(segment, &execution, error);
    prt_cpu_backend.destroy(segment);
    return status;
}

enum percept_status dsp_make_table(const struct dsp_lowering *lowering,
                                   const struct dsp_lowered *lowered, void *to,
                                   struct percept_error *error)
{
    _Alignas(64) uint8_t codes[CODES], answers[CODES];
    struct prt_graph *graph;
    uint32_t ids[2];
    (void)lowered;
    enum percept_status status = prt_graph_create(&graph, error);
    if (status != PERCEPT_OK)
        return status;
    status = graph_of(lowering, graph, codes, ids, error);
    if (status == PERCEPT_OK) {
        void *data[8] = {0};
        data[ids[0]] = codes;
        data[ids[1]] = answers;
        status = ask_cpu(graph, data, error);
    }
    if (status == PERCEPT_OK)
        memcpy(to, answers, CODES);
    prt_graph_destroy(graph);
    return status;
}
