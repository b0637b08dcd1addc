/* Why: flags and kinds are the attributes that are wrong for the language, not only for the
 * network, when they are out of range. One table has them all. */
#include "runtime/graph_image.h"

#include <stddef.h>
#include <string.h>

struct row {
    uint8_t op, most;
    bool flag;
    uint16_t at;
};

#define FLAG(op, field)                                              \
    {                                                                \
        PRT_OP_##op, 1, true, offsetof(struct prt_node, attrs.field) \
    }
#define KIND(op, field, most)                                            \
    {                                                                    \
        PRT_OP_##op, most, false, offsetof(struct prt_node, attrs.field) \
    }
#define ACT(op, field)   KIND(op, field.kind, PRT_ACT_PRELU)
#define AFTER(op, field) FLAG(op, field.present), KIND(op, field.function, PRT_UNARY_COUNT - 1)
#define POOL(op, field)                                                              \
    FLAG(op, field.is_max), FLAG(op, field.nhwc), FLAG(op, field.count_include_pad), \
        ACT(op, field.act)

static const struct row rows[] = {
    FLAG(CONV2D, conv.transposed),
    FLAG(CONV2D, conv.nhwc),
    ACT(CONV2D, conv.act),
    AFTER(CONV2D, conv.after),
    FLAG(LINEAR, linear.weight_is_io),
    ACT(LINEAR, linear.act),
    AFTER(LINEAR, linear.after),
    FLAG(MATMUL, matmul.transpose_b),
    FLAG(ATTENTION, attention.causal),
    FLAG(ATTENTION, attention.safe),
    KIND(BINARY, binary.kind, PRT_BINARY_COUNT - 1),
    ACT(BINARY, binary.act),
    KIND(UNARY, unary.kind, PRT_UNARY_COUNT - 1),
    FLAG(PRELU, prelu.nhwc),
    POOL(POOL2D, pool),
    KIND(REDUCE, reduce.kind, PRT_REDUCE_COUNT - 1),
    FLAG(REDUCE, reduce.keep_dims),
    FLAG(ARGMAX, argmax.keep_dims),
    FLAG(ARGMAX, argmax.least),
    FLAG(RESIZE2D, resize.nhwc),
    FLAG(RESIZE2D, resize.bilinear),
    FLAG(RESIZE2D, resize.align_corners),
    FLAG(RESIZE2D, resize.half_pixel),
    FLAG(SOFTMAX, softmax.log),
    FLAG(LAYER_NORM, layer_norm.rms),
    FLAG(GATHER, index.add),
    FLAG(SCATTER, index.add),
    FLAG(ARGSORT, argsort.descending),
    FLAG(ARGSORT, argsort.median),
    FLAG(CONV3D, conv3d.transposed),
    KIND(POOL3D, pool3d.kind, PRT_POOL3D_AVERAGE),
    FLAG(POOL3D, pool3d.adaptive),
    FLAG(POOL3D, pool3d.count_include_pad),
    KIND(GRID_SAMPLE, grid.mode, PRT_GRID_MODES - 1),
    KIND(GRID_SAMPLE, grid.edge, PRT_GRID_EDGES - 1),
    FLAG(GRID_SAMPLE, grid.align_corners),
    KIND(EMBEDDING_BAG, bag.mode, PRT_BAG_MODES - 1),
    FLAG(RESCALE, rescale.double_round),
    FLAG(RESCALE, rescale.unsigned_x),
    FLAG(RESCALE, rescale.unsigned_y),
    KIND(INTEGER_CONV, integer_conv.kind, PRT_INTEGER_TRANSPOSED),
    POOL(INTEGER_POOL, integer_pool.window),
    FLAG(SCALED_RESIZE, scaled_resize.bilinear),
    ACT(DYNAMIC_LINEAR, dynamic_linear.act),
    FLAG(DYNAMIC_LINEAR, dynamic_linear.whole),
};

bool prt_graph_image_attrs(const struct prt_node *node)
{
    const unsigned char *bytes = (const unsigned char *)node;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        uint32_t kind = bytes[row->at];
        if (row->op != (unsigned)node->op)
            continue;
        if (!row->flag)
            memcpy(&kind, bytes + row->at, sizeof kind);
        if (kind > row->most)
            return false;
    }
    return true;
}
