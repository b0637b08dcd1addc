/* Why: attributes of the ops of graph_attrs.h as graph_dump.c prints them. */
#include "runtime/graph_dump.h"

#include <float.h>

static void dump_triple(FILE *out, const char *name, const int32_t *values, int32_t usual)
{
    if (values[0] != usual || values[1] != usual || values[2] != usual)
        fprintf(out, " %s(%d,%d,%d)", name, values[0], values[1], values[2]);
}

static void dump_index(FILE *out, const struct prt_node *node, unsigned rank)
{
    const struct prt_index_attrs *a = &node->attrs.index;
    fputs(" from(", out);
    for (unsigned d = 0; d < rank; d++)
        fprintf(out, "%s%s%d", d ? "," : "", a->from[d] >= PRT_INDEXED ? "#" : "",
                a->from[d] % PRT_INDEXED);
    fprintf(out, ")%s", a->add ? " add" : "");
}

static void dump_conv3d(FILE *out, const struct prt_conv3d_attrs *a)
{
    dump_triple(out, "stride", a->stride, 1);
    dump_triple(out, "dilation", a->dilation, 1);
    dump_triple(out, "padding", a->padding, 0);
    if (a->groups != 1)
        fprintf(out, " groups(%d)", a->groups);
    fputs(a->transposed ? " transposed" : "", out);
    dump_triple(out, "output_padding", a->output_padding, 0);
}

static void dump_pool3d(FILE *out, const struct prt_pool3d_attrs *a)
{
    static const char *const kinds[] = {
        [PRT_POOL3D_MAX] = " max",
        [PRT_POOL3D_MAX_INDEX] = " max_index",
        [PRT_POOL3D_AVERAGE] = " average",
    };
    fputs(kinds[a->kind], out);
    if (a->adaptive) {
        fputs(" adaptive", out);
        return;
    }
    dump_triple(out, "kernel", a->kernel, 0);
    dump_triple(out, "stride", a->stride, 1);
    dump_triple(out, "dilation", a->dilation, 1);
    dump_triple(out, "padding", a->padding, 0);
    fputs(a->count_include_pad ? " include_pad" : "", out);
    if (a->divisor)
        fprintf(out, " divisor(%lld)", (long long)a->divisor);
}

static void dump_grid(FILE *out, const struct prt_grid_attrs *a)
{
    static const char *const modes[] = {
        [PRT_GRID_BILINEAR] = "bilinear",
        [PRT_GRID_NEAREST] = "nearest",
        [PRT_GRID_BICUBIC] = "bicubic",
    };
    static const char *const edges[] = {
        [PRT_GRID_ZEROS] = "zeros",
        [PRT_GRID_BORDER] = "border",
        [PRT_GRID_REFLECTION] = "reflection",
    };
    fprintf(out, " %s %s%s", modes[a->mode], edges[a->edge],
            a->align_corners ? " align_corners" : "");
}

static void dump_bag(FILE *out, const struct prt_bag_attrs *a)
{
    static const char *const modes[] = {
        [PRT_BAG_SUM] = "sum",
        [PRT_BAG_MEAN] = "mean",
        [PRT_BAG_MAX] = "max",
    };
    fprintf(out, " %s", modes[a->mode]);
    if (a->padding >= 0)
        fprintf(out, " padding(%lld)", (long long)a->padding);
}

static void dump_least(FILE *out, float scale)
{
    if (scale > FLT_EPSILON) /* less changes nothing */
        fprintf(out, " least(%g)", (double)scale);
}

void prt_graph_dump_attrs(FILE *out, const struct prt_graph *graph, const struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_GATHER:
    case PRT_OP_SCATTER:
        dump_index(out, node, graph->values[node->inputs[0]].tensor.rank);
        break;
    case PRT_OP_ARGSORT:
        fprintf(out, " axis(%d)%s%s", node->attrs.argsort.axis,
                node->attrs.argsort.descending ? " descending" : "",
                node->attrs.argsort.median ? " median" : "");
        break;
    case PRT_OP_CONV3D:
        dump_conv3d(out, &node->attrs.conv3d);
        break;
    case PRT_OP_POOL3D:
        dump_pool3d(out, &node->attrs.pool3d);
        break;
    case PRT_OP_GRID_SAMPLE:
        dump_grid(out, &node->attrs.grid);
        break;
    case PRT_OP_EMBEDDING_BAG:
        dump_bag(out, &node->attrs.bag);
        break;
    case PRT_OP_EXPECT:
        fprintf(out, " size(%lld)", (long long)node->attrs.expect.size);
        break;
    case PRT_OP_ROUND_ROWS:
        if (node->attrs.round_rows.dims != 1)
            fprintf(out, " dims(%d)", node->attrs.round_rows.dims);
        dump_least(out, node->attrs.round_rows.least);
        break;
    case PRT_OP_DYNAMIC_LINEAR:
        fputs(node->attrs.dynamic_linear.whole ? " whole" : "", out);
        dump_least(out, node->attrs.dynamic_linear.least);
        break;
    case PRT_OP_BLOB:
        fprintf(out, " %s(%zu bytes%s%s)", node->attrs.blob.delegate, node->attrs.blob.bytes,
                node->attrs.blob.device ? " for " : "",
                node->attrs.blob.device ? node->attrs.blob.device : "");
        break;
    case PRT_OP_DISTANCE:
        fprintf(out, " p(%g)", node->attrs.distance.p);
        break;
    default:
        break;
    }
}
