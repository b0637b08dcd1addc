/* Operands of layers, as tests make them: of test_cpu_layers.c and test_vulkan_layers_large.c. */
#ifndef TESTS_BACKENDS_LAYER_OPERANDS_H
#define TESTS_BACKENDS_LAYER_OPERANDS_H

#include "one_node.h"

/* Reals, or codes of 8 bits with one scale. */
enum number { REAL, SIGNED, UNSIGNED, NUMBERS };

/* The same shape of such numbers; codes have a random zero point. */
static inline struct prt_tensor typed(enum number number, struct prt_tensor tensor, double scale)
{
    static const enum prt_dtype dtypes[] = {PRT_F32, PRT_I8, PRT_U8};
    tensor.dtype = dtypes[number];
    if (number == REAL)
        return tensor;
    return quantised(tensor, scale, random_between(-20, 20) + (number == UNSIGNED ? 128 : 0));
}

/* A constant operand of random elements. */
static inline uint32_t constant(struct one_node *one, struct prt_tensor tensor, double lo,
                                double hi)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, lo, hi);
    one_node_make_constant(one, id);
    return id;
}

#endif
