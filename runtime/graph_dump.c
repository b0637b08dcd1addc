/* Why: a graph a person can read, diff and compare in a test. */
#include "runtime/graph_dump.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const binary_names[] = {
#define BINARY_ROW(name, text) text,
    PRT_BINARY_TABLE(BINARY_ROW)
#undef BINARY_ROW
};

static const char *const unary_names[] = {
#define UNARY_ROW(name, text) text,
    PRT_UNARY_TABLE(UNARY_ROW)
#undef UNARY_ROW
};

static const char *const reduce_names[] = {
    [PRT_REDUCE_SUM] = "sum", [PRT_REDUCE_MEAN] = "mean", [PRT_REDUCE_MAX] = "max",
    [PRT_REDUCE_MIN] = "min", [PRT_REDUCE_PROD] = "prod",
};

const char *prt_binary_name(enum prt_binary_kind kind)
{
    return (unsigned)kind < PRT_BINARY_COUNT ? binary_names[kind] : "unknown";
}

const char *prt_unary_name(enum prt_unary_kind kind)
{
    return (unsigned)kind < PRT_UNARY_COUNT ? unary_names[kind] : "unknown";
}

static void dump_scalar(FILE *out, const struct prt_value *value)
{
    switch (value->kind) {
    case PRT_VALUE_INT:
        fprintf(out, "%" PRId64, value->i);
        break;
    case PRT_VALUE_DOUBLE:
        fprintf(out, "%.9g", value->d);
        break;
    case PRT_VALUE_BOOL:
        fputs(value->b ? "true" : "false", out);
        break;
    default:
        fputs("?", out);
    }
}

static void dump_operand(FILE *out, const struct prt_graph *graph, uint32_t id)
{
    if (id == PRT_NO_VALUE) {
        fputs("-", out);
        return;
    }
    const struct prt_value *value = &graph->values[id];
    if (value->kind == PRT_VALUE_TENSOR)
        fprintf(out, "%s%u", value->flags & PRT_FLAG_CONSTANT ? "c" : "v", id);
    else
        dump_scalar(out, value);
}

static void dump_activation(FILE *out, const struct prt_activation *act)
{
    if (act->kind == PRT_ACT_CLAMP)
        fprintf(out, " clamp(%g, %g)", (double)act->lo, (double)act->hi);
    else if (act->kind == PRT_ACT_PRELU)
        fputs(" prelu", out);
}

static void dump_after(FILE *out, const struct prt_after *after)
{
    if (!after->present)
        return;
    fprintf(out, " then %s", prt_unary_name(after->function));
    if (after->scale != 1 || after->shift != 0)
        fprintf(out, " * %g + %g", (double)after->scale, (double)after->shift);
}

static void dump_pairs(FILE *out, const char *name, const int32_t *values, int count)
{
    fprintf(out, " %s(", name);
    for (int i = 0; i < count; i++)
        fprintf(out, "%s%d", i ? "," : "", values[i]);
    fputs(")", out);
}

static void dump_window(FILE *out, const int32_t *stride, const int32_t *dilation,
                        const int32_t *padding)
{
    if (stride[0] != 1 || stride[1] != 1)
        dump_pairs(out, "stride", stride, 2);
    if (dilation[0] != 1 || dilation[1] != 1)
        dump_pairs(out, "dilation", dilation, 2);
    if (padding[0] || padding[1] || padding[2] || padding[3])
        dump_pairs(out, "padding", padding, 4);
}

static void dump_attrs(FILE *out, const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *y = &graph->values[node->outputs[0]].tensor;
    switch (node->op) {
    case PRT_OP_CONV2D:
        dump_window(out, node->attrs.conv.stride, node->attrs.conv.dilation,
                    node->attrs.conv.padding);
        if (node->attrs.conv.groups != 1)
            fprintf(out, " groups(%d)", node->attrs.conv.groups);
        if (node->attrs.conv.transposed)
            fputs(" transposed", out);
        if (node->attrs.conv.output_padding[0] || node->attrs.conv.output_padding[1])
            dump_pairs(out, "output_padding", node->attrs.conv.output_padding, 2);
        if (node->attrs.conv.nhwc)
            fputs(" nhwc", out);
        dump_activation(out, &node->attrs.conv.act);
        dump_after(out, &node->attrs.conv.after);
        break;
    case PRT_OP_LINEAR:
        fputs(node->attrs.linear.weight_is_io ? " io" : "", out);
        dump_activation(out, &node->attrs.linear.act);
        dump_after(out, &node->attrs.linear.after);
        break;
    case PRT_OP_MATMUL:
        fputs(node->attrs.matmul.transpose_b ? " transpose_b" : "", out);
        break;
    case PRT_OP_ATTENTION:
        fprintf(out, " scale(%g)%s%s", (double)node->attrs.attention.scale,
                node->attrs.attention.causal ? " causal" : "",
                node->attrs.attention.safe ? " safe" : "");
        break;
    case PRT_OP_BINARY:
        fprintf(out, " %s", prt_binary_name(node->attrs.binary.kind));
        if (node->attrs.binary.kind <= PRT_BINARY_SUB && node->attrs.binary.alpha != 1)
            fprintf(out, " alpha(%g)", node->attrs.binary.alpha);
        dump_activation(out, &node->attrs.binary.act);
        break;
    case PRT_OP_UNARY:
        fprintf(out, " %s", prt_unary_name(node->attrs.unary.kind));
        if (node->attrs.unary.kind == PRT_UNARY_CLAMP)
            fprintf(out, "(%g, %g)", node->attrs.unary.a, node->attrs.unary.b);
        if (node->attrs.unary.kind == PRT_UNARY_LEAKY_RELU ||
            node->attrs.unary.kind == PRT_UNARY_ELU || node->attrs.unary.kind == PRT_UNARY_LOGIT)
            fprintf(out, "(%g)", node->attrs.unary.a);
        break;
    case PRT_OP_POOL2D:
        fputs(node->attrs.pool.is_max ? " max" : " average", out);
        dump_pairs(out, "kernel", node->attrs.pool.kernel, 2);
        dump_window(out, node->attrs.pool.stride, node->attrs.pool.dilation,
                    node->attrs.pool.padding);
        if (!node->attrs.pool.is_max && node->attrs.pool.count_include_pad)
            fputs(" include_pad", out);
        fputs(node->attrs.pool.nhwc ? " nhwc" : "", out);
        dump_activation(out, &node->attrs.pool.act);
        break;
    case PRT_OP_REDUCE:
        fprintf(out, " %s axes(0x%x)%s", reduce_names[node->attrs.reduce.kind],
                node->attrs.reduce.axes, node->attrs.reduce.keep_dims ? " keep" : "");
        break;
    case PRT_OP_ARGMAX:
        fprintf(out, "%s axis(%d)%s", node->attrs.argmax.least ? " least" : "",
                node->attrs.argmax.axis, node->attrs.argmax.keep_dims ? " keep" : "");
        break;
    case PRT_OP_CUMSUM:
        fprintf(out, " axis(%d)", node->attrs.cumsum.axis);
        break;
    case PRT_OP_CONCAT:
        fprintf(out, " axis(%d)", node->attrs.concat.axis);
        break;
    case PRT_OP_SLICE:
        fprintf(out, " axis(%d)", node->attrs.slice.axis);
        if (node->attrs.slice.step != 1)
            fprintf(out, " step(%" PRId64 ")", node->attrs.slice.step);
        break;
    case PRT_OP_PAD:
        dump_pairs(out, "before", node->attrs.pad.before, y->rank);
        dump_pairs(out, "after", node->attrs.pad.after, y->rank);
        fprintf(out, " value(%g)", node->attrs.pad.value);
        break;
    case PRT_OP_PERMUTE:
        fputs(" order(", out);
        for (unsigned i = 0; i < y->rank; i++)
            fprintf(out, "%s%d", i ? "," : "", node->attrs.permute.order[i]);
        fputs(")", out);
        break;
    case PRT_OP_RESIZE2D:
        fputs(node->attrs.resize.bilinear ? " bilinear" : " nearest", out);
        fputs(node->attrs.resize.align_corners ? " align_corners" : "", out);
        fputs(node->attrs.resize.half_pixel ? " half_pixel" : "", out);
        if (node->attrs.resize.scale[0] != 0 || node->attrs.resize.scale[1] != 0)
            fprintf(out, " scale(%g, %g)", node->attrs.resize.scale[0],
                    node->attrs.resize.scale[1]);
        fputs(node->attrs.resize.nhwc ? " nhwc" : "", out);
        break;
    case PRT_OP_SOFTMAX:
        fprintf(out, " axis(%d)%s", node->attrs.softmax.axis,
                node->attrs.softmax.log ? " log" : "");
        break;
    case PRT_OP_LAYER_NORM:
        fprintf(out, " epsilon(%g)%s", node->attrs.layer_norm.epsilon,
                node->attrs.layer_norm.rms ? " rms" : "");
        break;
    case PRT_OP_PRELU:
        fputs(node->attrs.prelu.nhwc ? " nhwc" : "", out);
        break;
    default:
        prt_graph_dump_attrs(out, graph, node);
        break;
    }
}

char *prt_graph_dump(const struct prt_graph *graph)
{
    char *text = NULL, tensor[256];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (uint32_t i = 0; i < graph->input_count; i++)
        fprintf(out, "input v%u: %s\n", graph->inputs[i],
                graph->values[graph->inputs[i]].kind == PRT_VALUE_TENSOR
                    ? prt_tensor_describe(&graph->values[graph->inputs[i]].tensor, tensor,
                                          sizeof tensor)
                    : "scalar");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        if (node->removed)
            continue;
        for (unsigned i = 0; i < node->output_count; i++)
            fprintf(out, "%sv%u: %s", i ? ", " : "", node->outputs[i],
                    prt_tensor_describe(&graph->values[node->outputs[i]].tensor, tensor,
                                        sizeof tensor));
        fprintf(out, " = %s(", prt_op_name(node->op));
        for (unsigned i = 0; i < node->input_count; i++) {
            fputs(i ? ", " : "", out);
            dump_operand(out, graph, node->inputs[i]);
        }
        fputs(")", out);
        dump_attrs(out, graph, node);
        fputs("\n", out);
    }
    for (uint32_t i = 0; i < graph->output_count; i++) {
        fputs("output ", out);
        dump_operand(out, graph, graph->outputs[i]);
        fputs("\n", out);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
