#include "kinds.h"

const struct type types[TYPES] = {
    {PRT_F32, false, 2e-6, -6, 6},  {PRT_F64, false, 1e-12, -6, 6}, {PRT_F16, false, 2e-3, -6, 6},
    {PRT_BF16, false, 2e-2, -6, 6}, {PRT_I8, true, 1e-3, 0, 0},     {PRT_U8, true, 1e-3, 0, 0},
    {PRT_I8, false, 0, -9, 9},      {PRT_U8, false, 0, 0, 11},      {PRT_I16, false, 0, -80, 80},
    {PRT_I32, false, 0, -99, 99},   {PRT_I64, false, 0, -99, 99},
};
struct prt_tensor typed(const struct type *type, struct prt_tensor shape)
{
    shape.dtype = type->dtype;
    shape.quant = (struct prt_quant){0};
    if (!type->is_quantised)
        return shape;
    int32_t zero = random_between(-100, 100) + (type->dtype == PRT_U8 ? 128 : 0);
    return quantised(shape, random_real(0.01, 0.1), zero);
}

struct prt_tensor broadcastable(const struct type *type, struct prt_tensor y)
{
    if (random_between(0, 2) == 0) /* all of it */
        return typed(type, random_between(0, 1) ? y : shuffled(y));
    unsigned drop = (unsigned)random_between(0, y.rank);
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = drop; i < y.rank; i++)
        sizes[i - drop] = random_between(0, 2) ? y.sizes[i] : 1;
    return typed(type, shuffled(tensor_of(type->dtype, y.rank - drop, sizes)));
}

struct prt_tensor some_shape(int round)
{
    switch (round) {
    case 0:
        return channels_last(TENSOR(PRT_F32, 2, 24, 5, 7));
    case 1:
        return TENSOR(PRT_F32, 3, 2500);
    case 2:
        return TENSOR(PRT_F32, 20, 51, 33); /* enough for several workers */
    case 3:
        return TENSOR(PRT_F32, 3, 0, 2);
    default:
        return shuffled(random_shape(PRT_F32, 5, 7));
    }
}
bool worth_it(unsigned type, int round)
{
    return round != LARGE || type == 0 || type == 4;
}
