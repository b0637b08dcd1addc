/* Why: written once, broadcasting and layouts need no code in any kernel. */
#include "runtime/nest.h"

#include <string.h>

void prt_nest_init(struct prt_nest *nest, const struct prt_tensor *shape)
{
    memset(nest, 0, sizeof *nest);
    nest->rank = shape->rank;
    for (unsigned i = 0; i < shape->rank; i++) {
        nest->axes[i] = shape->dim_order[i];
        nest->sizes[i] = shape->sizes[shape->dim_order[i]];
    }
}

void prt_nest_add(struct prt_nest *nest, const int64_t strides[PRT_MAX_RANK])
{
    for (unsigned i = 0; i < nest->rank; i++)
        nest->strides[nest->operands][i] = strides[nest->axes[i]];
    nest->operands++;
}

void prt_nest_add_tensor(struct prt_nest *nest, const struct prt_tensor *tensor)
{
    int64_t own[PRT_MAX_RANK], strides[PRT_MAX_RANK] = {0};
    prt_tensor_strides(tensor, own);
    for (unsigned i = 0; i < tensor->rank; i++)
        if (tensor->sizes[i] != 1)
            strides[nest->rank - tensor->rank + i] = own[i];
    prt_nest_add(nest, strides);
}

static bool mergeable(const struct prt_nest *nest, unsigned outer, unsigned inner)
{
    for (unsigned o = 0; o < nest->operands; o++)
        if (nest->strides[o][outer] != nest->strides[o][inner] * nest->sizes[inner])
            return false;
    return true;
}

void prt_nest_finish(struct prt_nest *nest)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < nest->rank; i++) {
        if (nest->sizes[i] == 1)
            continue;
        bool merge = kept && mergeable(nest, kept - 1, i);
        unsigned to = merge ? kept - 1 : kept++;
        nest->sizes[to] = merge ? nest->sizes[to] * nest->sizes[i] : nest->sizes[i];
        for (unsigned o = 0; o < nest->operands; o++)
            nest->strides[o][to] = nest->strides[o][i];
    }
    nest->rank = kept;
    if (kept == 0) {
        nest->rank = 1;
        nest->sizes[0] = 1;
        for (unsigned o = 0; o < nest->operands; o++)
            nest->strides[o][0] = 1;
    }
}
