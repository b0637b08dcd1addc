/*
 * Why: TOSA's operators on the bits of integers. Each is spelled out in 64-bit arithmetic, in which
 * nothing that they do to 32 bits can overflow, so that the graph needs no ops of its own for them.
 */
#include "runtime/import_tosa.h"

enum { INT_BITS = 32 };

/* A chain of steps, each of the result's sizes, that begins with an operand and ends in the result.
 * After a failure the steps do nothing. */
struct chain {
    struct prt_tosa_call *call;
    enum percept_status status;
    uint32_t value;
};

/* An operand of the call in a wider type. */
static uint32_t widen(struct chain *chain, uint32_t operand, enum prt_dtype dtype)
{
    uint32_t wide = PRT_NO_VALUE;
    if (chain->status == PERCEPT_OK)
        chain->status =
            prt_import_convert(chain->call->import, chain->call->ids[operand], dtype, &wide);
    return wide;
}

static struct chain begin(struct prt_tosa_call *call)
{
    struct chain chain = {.call = call, .status = PERCEPT_OK};
    chain.value = widen(&chain, 0, PRT_I64);
    return chain;
}

static void convert(struct chain *chain, enum prt_dtype dtype)
{
    if (chain->status == PERCEPT_OK)
        chain->status = prt_import_convert(chain->call->import, chain->value, dtype, &chain->value);
}

static enum percept_status make(struct chain *chain, uint32_t *y)
{
    struct prt_tensor spec = *prt_tosa_result(chain->call);
    spec.dtype = prt_import_spec(chain->call->import, chain->value)->dtype;
    return prt_import_temporary(chain->call->import, &spec, y);
}

static void with(struct chain *chain, enum prt_binary_kind kind, uint32_t other)
{
    uint32_t y;
    if (chain->status == PERCEPT_OK)
        chain->status = make(chain, &y);
    if (chain->status == PERCEPT_OK)
        chain->status = prt_aten_binary(chain->call->import, kind, chain->value, other, 1, y);
    if (chain->status == PERCEPT_OK)
        chain->value = y;
}

static void with_int(struct chain *chain, enum prt_binary_kind kind, int64_t number)
{
    uint32_t scalar;
    if (chain->status == PERCEPT_OK)
        chain->status = prt_import_int(chain->call->import, number, &scalar);
    if (chain->status == PERCEPT_OK)
        with(chain, kind, scalar);
}

static void apply(struct chain *chain, enum prt_unary_kind kind)
{
    uint32_t y;
    if (chain->status == PERCEPT_OK)
        chain->status = make(chain, &y);
    if (chain->status == PERCEPT_OK)
        chain->status = prt_aten_unary(chain->call->import, kind, chain->value, 0, 0, y);
    if (chain->status == PERCEPT_OK)
        chain->value = y;
}

/* The low bits become the result. */
static enum percept_status end(struct chain *chain)
{
    if (chain->status != PERCEPT_OK)
        return chain->status;
    return prt_import_node(chain->call->import, PRT_OP_CONVERT, chain->call->y, 1, &chain->value)
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* The bits of an integer as those of its unsigned sibling. */
static void unsign(struct chain *chain)
{
    unsigned bits = 8 * (unsigned)prt_dtype_size(prt_tosa_input(chain->call, 0)->dtype);
    with_int(chain, PRT_BINARY_BIT_AND, ((int64_t)1 << bits) - 1);
}

static enum percept_status needs_integers(struct prt_tosa_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        enum prt_dtype dtype = prt_tosa_input(call, i)->dtype;
        if (dtype != PRT_I8 && dtype != PRT_I16 && dtype != PRT_I32)
            return prt_import_fail(call->import, PERCEPT_MALFORMED,
                                   "operand %u is no integer of 8, 16 or 32 bits", i);
    }
    return PERCEPT_OK;
}

/* (a, b): a / 2^b, down; or to the nearest, halves up. */
static enum percept_status arithmetic_shift(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    enum percept_status status = needs_integers(call);
    if (status != PERCEPT_OK)
        return status;
    struct chain chain = begin(call);
    bool rounds = prt_fb_bool(call->attributes, 0);
    /* With a bit more, the last that is lost is there to be added. */
    if (rounds)
        with_int(&chain, PRT_BINARY_MUL, 2);
    with(&chain, PRT_BINARY_SHIFT_RIGHT, widen(&chain, 1, PRT_I64));
    if (rounds) {
        with_int(&chain, PRT_BINARY_ADD, 1);
        with_int(&chain, PRT_BINARY_SHIFT_RIGHT, 1);
    }
    return end(&chain);
}

/* (a, b): zeros come in from the left. */
static enum percept_status logical_shift(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    enum percept_status status = needs_integers(call);
    if (status != PERCEPT_OK)
        return status;
    struct chain chain = begin(call);
    unsign(&chain);
    with(&chain, PRT_BINARY_SHIFT_RIGHT, widen(&chain, 1, PRT_I64));
    return end(&chain);
}

static enum percept_status bitwise_not(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    enum percept_status status = needs_integers(call);
    if (status != PERCEPT_OK)
        return status;
    struct chain chain = begin(call);
    with_int(&chain, PRT_BINARY_BIT_XOR, -1);
    return end(&chain);
}

/* How many zeros stand before the first one: 31 - floor(log2(x + 1/2)). A double holds every x +
 * 1/2, and none of them is so close to a power of two that the logarithm's rounding could matter.
 */
static enum percept_status leading_zeros(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    if (prt_tosa_input(call, 0)->dtype != PRT_I32)
        return prt_import_fail(call->import, PERCEPT_MALFORMED,
                               "operand 0 is no integer of 32 bits");
    struct chain chain = begin(call);
    unsign(&chain);
    convert(&chain, PRT_F64);
    with_int(&chain, PRT_BINARY_MUL, 2);
    with_int(&chain, PRT_BINARY_ADD, 1);
    apply(&chain, PRT_UNARY_LOG2); /* of twice as much: one more */
    apply(&chain, PRT_UNARY_FLOOR);
    apply(&chain, PRT_UNARY_NEG);
    with_int(&chain, PRT_BINARY_ADD, INT_BITS);
    return end(&chain);
}

enum percept_status prt_tosa_shifted_product(struct prt_tosa_call *call, int32_t shift)
{
    enum percept_status status = PERCEPT_OK;
    if (prt_tosa_input(call, 0)->dtype != PRT_I32 || prt_tosa_input(call, 1)->dtype != PRT_I32 ||
        shift < 0 || shift > 63)
        status =
            prt_import_fail(call->import, PERCEPT_MALFORMED, "shifts the product by %d", shift);
    if (status != PERCEPT_OK)
        return status;
    struct chain chain = begin(call);
    with(&chain, PRT_BINARY_MUL, widen(&chain, 1, PRT_I64));
    with_int(&chain, PRT_BINARY_ADD, (int64_t)1 << (shift - 1));
    with_int(&chain, PRT_BINARY_SHIFT_RIGHT, shift);
    return end(&chain);
}

static const struct prt_tosa_op ops[] = {
    {16, "TOSA ARITHMETIC_RIGHT_SHIFT", 2, arithmetic_shift, 0},
    {23, "TOSA LOGICAL_RIGHT_SHIFT", 2, logical_shift, 0},
    {33, "TOSA BITWISE_NOT", 1, bitwise_not, 0},
    {35, "TOSA CLZ", 1, leading_zeros, 0},
};

const struct prt_tosa_table prt_tosa_integer = PRT_TOSA_TABLE(ops);
