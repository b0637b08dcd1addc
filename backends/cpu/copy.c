/* Why: layouts, permutations, slices and concatenation are all one copy with strides. */
#include "backends/cpu/copy.h"

#include <string.h>

void cpu_copy_init(struct cpu_copy *copy, const struct prt_tensor *y, const int32_t *sizes,
                   const int64_t *to_strides, const int64_t *from_strides)
{
    struct prt_tensor shape = *y;
    memcpy(shape.sizes, sizes, y->rank * sizeof *sizes);
    memset(copy, 0, sizeof *copy);
    copy->size = prt_dtype_size(y->dtype);
    cpu_nest_init(&copy->nest, &shape);
    cpu_nest_add(&copy->nest, to_strides);
    cpu_nest_add(&copy->nest, from_strides);
    cpu_nest_finish(&copy->nest);
}

/* In blocks, so that whichever side strides finds its cache lines again. */
enum { BLOCK = 32 };

#define COPY_BLOCKS(TYPE)                                                                 \
    static void copy_##TYPE(const struct cpu_rows *rows, TYPE *to, const TYPE *from)      \
    {                                                                                     \
        for (size_t r0 = 0; r0 < rows->rows; r0 += BLOCK)                                 \
            for (size_t i0 = 0; i0 < rows->count; i0 += BLOCK) {                          \
                size_t r1 = r0 + BLOCK < rows->rows ? r0 + BLOCK : rows->rows;            \
                size_t i1 = i0 + BLOCK < rows->count ? i0 + BLOCK : rows->count;          \
                for (size_t r = r0; r < r1; r++)                                          \
                    for (size_t i = i0; i < i1; i++)                                      \
                        to[(int64_t)r * rows->row[0] + (int64_t)i * rows->step[0]] =      \
                            from[(int64_t)r * rows->row[1] + (int64_t)i * rows->step[1]]; \
            }                                                                             \
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
