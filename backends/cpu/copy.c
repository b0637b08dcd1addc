/* Why: layouts, permutations, slices and concatenation are all one copy with strides. */
#include "backends/cpu/copy.h"

#include <string.h>

void cpu_copy_init(struct cpu_copy *copy, const struct cpu_loops *loops, const struct prt_tensor *y,
                   const int32_t *sizes, const int64_t *to_strides, const int64_t *from_strides)
{
    struct prt_tensor shape = *y;
    memcpy(shape.sizes, sizes, y->rank * sizeof *sizes);
    memset(copy, 0, sizeof *copy);
    copy->loops = loops;
    copy->size = prt_dtype_size(y->dtype);
    prt_nest_init(&copy->nest, &shape);
    prt_nest_add(&copy->nest, to_strides);
    prt_nest_add(&copy->nest, from_strides);
    prt_nest_finish(&copy->nest);
}

/* In blocks, so that whichever side strides finds its cache lines again; in a block, the longer
 * of the two loops is the inner one. */
enum { BLOCK = 32 };

#define COPY_BLOCKS(TYPE)                                                                        \
    static void copy_##TYPE(const struct cpu_rows *rows, TYPE *to, const TYPE *from)             \
    {                                                                                            \
        bool swap = rows->count < rows->rows && rows->count < BLOCK;                             \
        size_t outer = swap ? rows->count : rows->rows, inner = swap ? rows->rows : rows->count; \
        int64_t to_o = swap ? rows->step[0] : rows->row[0],                                      \
                to_i = swap ? rows->row[0] : rows->step[0],                                      \
                from_o = swap ? rows->step[1] : rows->row[1],                                    \
                from_i = swap ? rows->row[1] : rows->step[1];                                    \
        for (size_t i0 = 0; i0 < inner; i0 += BLOCK)                                             \
            for (size_t o0 = 0; o0 < outer; o0 += BLOCK) {                                       \
                size_t o1 = o0 + BLOCK < outer ? o0 + BLOCK : outer;                             \
                size_t i1 = i0 + BLOCK < inner ? i0 + BLOCK : inner;                             \
                for (size_t o = o0; o < o1; o++)                                                 \
                    for (size_t i = i0; i < i1; i++)                                             \
                        to[(int64_t)o * to_o + (int64_t)i * to_i] =                              \
                            from[(int64_t)o * from_o + (int64_t)i * from_i];                     \
            }                                                                                    \
    }

COPY_BLOCKS(uint8_t)
COPY_BLOCKS(uint16_t)
COPY_BLOCKS(uint32_t)
COPY_BLOCKS(uint64_t)

struct copy_run {
    const struct cpu_copy *copy;
    char *to;
    const char *from;
};

/* What every camera model begins with: planes of red, green and blue to pixels. */
static bool interleave(const struct cpu_copy *copy, const struct cpu_rows *rows, void *to,
                       const void *from)
{
    if (rows->count != 3 || rows->step[0] != 1 || rows->row[0] != 3 || rows->row[1] != 1)
        return false;
    if (copy->size == 1)
        copy->loops->interleave_u8(rows->rows, to, from, rows->step[1]);
    else if (copy->size == 4)
        copy->loops->interleave_u32(rows->rows, to, from, rows->step[1]);
    return copy->size == 1 || copy->size == 4;
}

static void copy_rows(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct copy_run *run = context;
    int64_t size = (int64_t)run->copy->size;
    char *to = run->to + (run->copy->to + rows->offset[0]) * size;
    const char *from = run->from + (run->copy->from + rows->offset[1]) * size;
    if (rows->step[0] == 1 && rows->step[1] == 1) {
        for (size_t r = 0; r < rows->rows; r++)
            memcpy(to + (int64_t)r * rows->row[0] * size, from + (int64_t)r * rows->row[1] * size,
                   rows->count * run->copy->size);
        return;
    }
    if (interleave(run->copy, rows, to, from))
        return;
    switch (run->copy->size) {
    case 1:
        copy_uint8_t(rows, (uint8_t *)to, (const uint8_t *)from);
        break;
    case 2:
        copy_uint16_t(rows, (uint16_t *)to, (const uint16_t *)from);
        break;
    case 4:
        copy_uint32_t(rows, (uint32_t *)to, (const uint32_t *)from);
        break;
    default:
        copy_uint64_t(rows, (uint64_t *)to, (const uint64_t *)from);
        break;
    }
}

void cpu_copy_run(const struct cpu_copy *copy, void *to, const void *from, struct base_pool *pool)
{
    bool flat = copy->nest.rank == 1 && copy->nest.strides[0][0] == copy->nest.strides[1][0];
    if (flat && to == from && copy->to == copy->from)
        return;
    struct copy_run run = {copy, to, from};
    cpu_nest_run(&copy->nest, CPU_GRAIN, pool, copy_rows, &run);
}
