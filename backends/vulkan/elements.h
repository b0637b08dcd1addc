/*
 * What kernels ask of element types, and how codes of 8 bits go to the shaders. Private to the
 * Vulkan backend.
 */
#ifndef BACKENDS_VULKAN_ELEMENTS_H
#define BACKENDS_VULKAN_ELEMENTS_H

#include "backends/vulkan/step.h"

/* Part of a uniform block, as store.glsl and access.glsl want it: a vec4 and an ivec4. */
struct vk_coding {
    float scale[4];  /* of x; 1 / scale of y; two more for the shader's own use */
    int32_t zero[4]; /* of x, of y; the least and the greatest code of y */
};

static inline bool vk_is_real(const struct prt_tensor *tensor)
{
    return tensor->dtype == PRT_F32 || tensor->dtype == PRT_F16 || tensor->dtype == PRT_BF16;
}

/* 8-bit codes of one scale. */
static inline bool vk_is_code(const struct prt_tensor *tensor)
{
    return tensor->quant.kind == PRT_QUANT_PER_TENSOR &&
           (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8);
}

/* Plain integers, but for unsigned ones of 32 bits and more. */
static inline bool vk_is_integer(const struct prt_tensor *tensor)
{
    return tensor->quant.kind == PRT_QUANT_NONE &&
           (tensor->dtype == PRT_I64 || tensor->dtype == PRT_I32 || tensor->dtype == PRT_I16 ||
            tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8 || tensor->dtype == PRT_U16 ||
            tensor->dtype == PRT_BOOL);
}

/* Of a kernel that computes with real numbers: NULL, or why not with these. */
static inline const char *vk_refuses_unreal(const struct prt_tensor *x, const struct prt_tensor *y)
{
    if ((vk_is_real(x) || vk_is_code(x)) && (vk_is_real(y) || vk_is_code(y)))
        return NULL;
    return "the elements are neither real numbers nor 8-bit codes of one scale";
}

/* Shaders count in 32 bits. */
static inline const char *vk_refuses_large(const struct prt_tensor *tensor)
{
    return prt_tensor_elements(tensor) > INT32_MAX ? "it has too many elements" : NULL;
}

static inline struct vk_coding vk_coding_of(const struct prt_tensor *x, const struct prt_tensor *y)
{
    struct vk_coding coding = {.scale = {1, 1}};
    if (vk_is_code(x)) {
        coding.scale[0] = x->quant.scale;
        coding.zero[0] = x->quant.zero_point;
    }
    if (vk_is_code(y)) {
        coding.scale[1] = 1 / y->quant.scale;
        coding.zero[1] = y->quant.zero_point;
        coding.zero[2] = y->dtype == PRT_I8 ? -128 : 0;
        coding.zero[3] = coding.zero[2] + 255;
    }
    return coding;
}

/* How elements are named when they only move: by their size on the device. Those of 8 bytes are
 * pairs of VK_I32. */
static inline uint32_t vk_mover(const struct vk_emit *emit, uint32_t value)
{
    static const uint8_t by_size[9] = {[1] = VK_U8, [2] = VK_U16, [4] = VK_I32, [8] = VK_I32};
    if (vk_type(emit, value) == VK_F16)
        return VK_U16;
    return by_size[prt_dtype_size(emit->graph->values[value].tensor.dtype)];
}

/* For shaders whose invocations have four neighbours each of the result, the node's. */
static inline enum percept_status vk_dispatch_fours(const struct vk_emit *emit,
                                                    struct vk_call *call, uint64_t count)
{
    enum { LOCAL = 64 };
    call->constants[0] = LOCAL;
    call->operands[0] = vk_write(emit->node->outputs[0]);
    vk_spread(emit, (count + 3) / 4, LOCAL, call->groups);
    return count ? vk_dispatch(emit, call) : PERCEPT_OK;
}

#endif
