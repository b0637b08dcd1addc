/* Why: the table of what the GPU can run. */
#include "backends/vulkan/segment.h"

static const struct vk_kernel *const kernels[PRT_OP_COUNT] = {
    [PRT_OP_UNARY] = &vk_unary,
    [PRT_OP_BINARY] = &vk_binary,
    [PRT_OP_PRELU] = &vk_prelu,
    [PRT_OP_WHERE] = &vk_where,
    [PRT_OP_CONVERT] = &vk_convert,
    [PRT_OP_QUANTIZE] = &vk_convert,
    [PRT_OP_DEQUANTIZE] = &vk_convert,
    [PRT_OP_LAYOUT] = &vk_layout,
    [PRT_OP_CODES] = &vk_layout,
    [PRT_OP_PERMUTE] = &vk_permute,
    [PRT_OP_RESHAPE] = &vk_view,
    [PRT_OP_SLICE] = &vk_slice,
    [PRT_OP_PAD] = &vk_pad,
    [PRT_OP_CONCAT] = &vk_concat,
    [PRT_OP_FULL] = &vk_full,
    [PRT_OP_CONV2D] = &vk_conv,
    [PRT_OP_LINEAR] = &vk_linear,
    [PRT_OP_MATMUL] = &vk_matmul,
    [PRT_OP_ROUND_ROWS] = &vk_round_rows,
    [PRT_OP_DYNAMIC_LINEAR] = &vk_dynamic_linear,
    [PRT_OP_SOFTMAX] = &vk_softmax,
    [PRT_OP_LAYER_NORM] = &vk_layer_norm,
    [PRT_OP_REDUCE] = &vk_reduce,
    [PRT_OP_ARGMAX] = &vk_argmax,
    [PRT_OP_CUMSUM] = &vk_cumsum,
    [PRT_OP_POOL2D] = &vk_pool2d,
    [PRT_OP_RESIZE2D] = &vk_resize2d,
    [PRT_OP_ATTENTION] = &vk_attention,
    [PRT_OP_GATHER] = &vk_gather,
    [PRT_OP_SCATTER] = &vk_scatter,
    [PRT_OP_EMBEDDING_BAG] = &vk_embedding_bag,
    [PRT_OP_GRID_SAMPLE] = &vk_grid_sample,
    [PRT_OP_POOL3D] = &vk_pool3d,
    [PRT_OP_CONV3D] = &vk_conv3d,
    [PRT_OP_DISTANCE] = &vk_distance,
    [PRT_OP_ARGSORT] = &vk_argsort,
    [PRT_OP_TABLE] = &vk_table,
    [PRT_OP_EXPECT] = &vk_expect,
    [PRT_OP_RESCALE] = &vk_rescale,
    [PRT_OP_INTEGER_CONV] = &vk_integer_conv,
    [PRT_OP_INTEGER_MATMUL] = &vk_integer_matmul,
    [PRT_OP_INTEGER_POOL] = &vk_integer_pool,
    [PRT_OP_SCALED_RESIZE] = &vk_scaled_resize,
};

const struct vk_kernel *vk_kernel_of(enum prt_op op)
{
    return (unsigned)op < PRT_OP_COUNT ? kernels[op] : NULL;
}
