/* Why: the sizes of what layers compute: products, windows, norms, look-ups. */
#include "runtime/import_sizes.h"

#include <math.h>
#include <string.h>

/* ---- products ---- */

/* Matrices in arguments a and a + 1; both are alike but for the last two dimensions. */
static enum percept_status product(struct prt_import *import, const struct prt_call *call,
                                   const struct prt_size_row *row, unsigned which,
                                   struct prt_sizes *y)
{
    (void)which;
    const struct prt_tensor *b = prt_size_operand(import, call, (unsigned)row->a + 1);
    enum percept_status status = prt_size_like(import, call, (unsigned)row->a, y);
    if (status == PERCEPT_OK && (y->rank < 2 || !b || b->rank < 2))
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        y->at[y->rank - 1] = b->sizes[b->rank - 1];
    return status;
}

/* (input, weight, bias, out) */
static enum percept_status linear(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *weight = prt_size_operand(import, call, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && (y->rank < 1 || !weight || weight->rank < 1))
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK && weight->rank == 1)
        y->rank--;
    else if (status == PERCEPT_OK)
        y->at[y->rank - 1] = weight->sizes[0];
    return status;
}

/* (x1, x2, p, mode, out): rows of x1 by rows of x2 */
static enum percept_status distances(struct prt_import *import, const struct prt_call *call,
                                     const struct prt_size_row *row, unsigned which,
                                     struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *a = prt_size_operand(import, call, 0),
                            *b = prt_size_operand(import, call, 1);
    if (!a || !b || a->rank < 2 || b->rank < 2)
        return prt_size_wrong(import);
    struct prt_tensor lead_a = *a, lead_b = *b;
    lead_a.rank -= 2, lead_b.rank -= 2;
    *y = (struct prt_sizes){0};
    enum percept_status status = prt_size_broadcast(import, y, &lead_a);
    if (status == PERCEPT_OK)
        status = prt_size_broadcast(import, y, &lead_b);
    y->at[y->rank++] = a->sizes[a->rank - 2];
    y->at[y->rank++] = b->sizes[b->rank - 2];
    return status;
}

/* (self, p, out): each pair of rows once */
static enum percept_status pairs(struct prt_import *import, const struct prt_call *call,
                                 const struct prt_size_row *row, unsigned which,
                                 struct prt_sizes *y)
{
    (void)row, (void)which;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && y->rank != 2)
        status = prt_size_wrong(import);
    *y = (struct prt_sizes){.rank = 1, .at = {y->at[0] * (y->at[0] - 1) / 2}};
    return status;
}

/* ---- windows ---- */

/* A number for each dimension of space: one counts for all, none gives the fallback. */
static enum percept_status numbers(struct prt_import *import, const struct prt_call *call,
                                   unsigned index, unsigned spatial, int64_t fallback,
                                   int64_t *items)
{
    uint32_t count;
    enum percept_status status = prt_size_list(import, call, index, 0, spatial, items, &count);
    for (uint32_t i = count; status == PERCEPT_OK && i < spatial; i++)
        items[i] = count ? items[0] : fallback;
    return status;
}

enum { SPATIAL_MAX = 3 };

/* (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, out) */
static enum percept_status convolution(struct prt_import *import, const struct prt_call *call,
                                       const struct prt_size_row *row, unsigned which,
                                       struct prt_sizes *y)
{
    (void)row, (void)which;
    enum { STRIDE, PADDING, DILATION, ADDED, LISTS };
    static const int places[LISTS] = {3, 4, 5, 7}, fallbacks[LISTS] = {1, 0, 1, 0};
    int64_t lists[LISTS][SPATIAL_MAX];
    const struct prt_tensor *weight = prt_size_operand(import, call, 1);
    bool transposed = prt_call_bool(import, call, 6);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK &&
        (y->rank < 3 || y->rank > 2 + SPATIAL_MAX || !weight || weight->rank != y->rank))
        status = prt_size_wrong(import);
    for (unsigned i = 0; i < LISTS && status == PERCEPT_OK; i++)
        status = numbers(import, call, (unsigned)places[i], y->rank - 2, fallbacks[i], lists[i]);
    if (status != PERCEPT_OK)
        return status;
    int64_t groups = prt_call_int(import, call, 8, 1);
    if (transposed && (groups < 0 || groups > INT32_MAX))
        return prt_size_wrong(import);
    y->at[1] = transposed ? weight->sizes[1] * groups : weight->sizes[0];
    for (unsigned i = 0; i + 2 < y->rank; i++) {
        int64_t reach = (weight->sizes[2 + i] - 1) * lists[DILATION][i] + 1;
        int64_t padding = 2 * lists[PADDING][i], *size = &y->at[2 + i];
        if (transposed)
            *size = (*size - 1) * lists[STRIDE][i] - padding + reach + lists[ADDED][i];
        else if (lists[STRIDE][i] < 1 || *size + padding < reach)
            return prt_size_wrong(import);
        else
            *size = (*size + padding - reach) / lists[STRIDE][i] + 1;
    }
    return PERCEPT_OK;
}

/* (self, kernel, stride, padding, ..): over the last a dimensions; with the kind b, a dilation
 * follows the padding; then ceil_mode. */
static enum percept_status pool(struct prt_import *import, const struct prt_call *call,
                                const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)which;
    unsigned spatial = (unsigned)row->a;
    int64_t kernel[SPATIAL_MAX], stride[SPATIAL_MAX], padding[SPATIAL_MAX],
        dilation[SPATIAL_MAX] = {1, 1, 1};
    bool ceil_mode = prt_call_bool(import, call, row->b ? 5 : 4);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && y->rank < spatial)
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        status = numbers(import, call, 1, spatial, 1, kernel);
    if (status == PERCEPT_OK)
        status = numbers(import, call, 2, spatial, 1, stride);
    if (status == PERCEPT_OK && prt_call_list_count(import, call, 2) == 0)
        memcpy(stride, kernel, sizeof stride);
    if (status == PERCEPT_OK)
        status = numbers(import, call, 3, spatial, 0, padding);
    if (status == PERCEPT_OK && row->b)
        status = numbers(import, call, 4, spatial, 1, dilation);
    for (unsigned i = 0; i < spatial && status == PERCEPT_OK; i++) {
        int64_t *size = &y->at[y->rank - spatial + i];
        int64_t room = *size + 2 * padding[i] - (kernel[i] - 1) * dilation[i] - 1;
        if (room < 0 || stride[i] < 1)
            return prt_size_wrong(import);
        int64_t count = (room + (ceil_mode ? stride[i] - 1 : 0)) / stride[i] + 1;
        /* The last window begins inside of the operand or its padding. */
        if (ceil_mode && (count - 1) * stride[i] >= *size + padding[i])
            count--;
        *size = count;
    }
    return status;
}

/* The last dimensions are those of the list in argument a. */
static enum percept_status last_listed(struct prt_import *import, const struct prt_call *call,
                                       const struct prt_size_row *row, unsigned which,
                                       struct prt_sizes *y)
{
    (void)which;
    int64_t items[SPATIAL_MAX];
    uint32_t count;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK)
        status = prt_size_list(import, call, (unsigned)row->a, 0, SPATIAL_MAX, items, &count);
    if (status == PERCEPT_OK && count > y->rank)
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        memcpy(y->at + y->rank - count, items, count * sizeof *items);
    return status;
}

/* The same, or without a list the factors in argument b. */
static enum percept_status resize(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    if (prt_call_list_count(import, call, (unsigned)row->a))
        return last_listed(import, call, row, which, y);
    uint32_t count = prt_call_list_count(import, call, (unsigned)row->b);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && count > y->rank)
        status = prt_size_wrong(import);
    for (uint32_t i = 0; i < count && status == PERCEPT_OK; i++) {
        int64_t *size = &y->at[y->rank - count + i];
        double scaled = floor((double)*size * prt_call_real(import, call, (unsigned)row->b, i));
        if (!(scaled >= 0 && scaled <= INT32_MAX))
            return prt_size_wrong(import);
        *size = (int64_t)scaled;
    }
    return status;
}

/* (input, grid, ..) */
static enum percept_status grid(struct prt_import *import, const struct prt_call *call,
                                const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *places = prt_size_operand(import, call, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && (y->rank != 4 || !places || places->rank != 4))
        status = prt_size_wrong(import);
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++)
        y->at[2 + i] = places->sizes[1 + i];
    return status;
}

/* ---- norms ---- */

/* (input, sizes, ..): then mean and deviation of each row, whose dimensions stay */
static enum percept_status layer_norm(struct prt_import *import, const struct prt_call *call,
                                      const struct prt_size_row *row, unsigned which,
                                      struct prt_sizes *y)
{
    (void)row;
    uint32_t count = prt_call_list_count(import, call, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && count > y->rank)
        status = prt_size_wrong(import);
    for (uint32_t i = 0; which > 0 && i < count && status == PERCEPT_OK; i++)
        y->at[y->rank - 1 - i] = 1;
    return status;
}

/* (input, weight, bias, N, C, HxW, group, ..): then mean and deviation of each group */
static enum percept_status group_norm(struct prt_import *import, const struct prt_call *call,
                                      const struct prt_size_row *row, unsigned which,
                                      struct prt_sizes *y)
{
    (void)row;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (which > 0)
        *y = (struct prt_sizes){.rank = 2, .at = {y->at[0], prt_call_int(import, call, 6, 1)}};
    return status;
}

/* Then what each channel, dimension 1, has. */
static enum percept_status batch_norm(struct prt_import *import, const struct prt_call *call,
                                      const struct prt_size_row *row, unsigned which,
                                      struct prt_sizes *y)
{
    (void)row;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (which > 0)
        *y = (struct prt_sizes){.rank = 1, .at = {y->at[1]}};
    return status;
}

/* ---- look-ups ---- */

/* (self, dim, index, out) */
static enum percept_status index_select(struct prt_import *import, const struct prt_call *call,
                                        const struct prt_size_row *row, unsigned which,
                                        struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *index = prt_size_operand(import, call, 2);
    int32_t axis;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status != PERCEPT_OK || y->rank == 0)
        return status;
    status = prt_import_axis(import, prt_call_int(import, call, 1, 0), y->rank, &axis);
    if (status == PERCEPT_OK && (!index || index->rank > 1))
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        y->at[axis] = index->rank ? index->sizes[0] : 1;
    return status;
}

/* A row of argument 0 for each index in argument a; b columns of the result lie in one of it. */
static enum percept_status embedding(struct prt_import *import, const struct prt_call *call,
                                     const struct prt_size_row *row, unsigned which,
                                     struct prt_sizes *y)
{
    (void)which;
    const struct prt_tensor *weight = prt_size_operand(import, call, 0);
    enum percept_status status = prt_size_like(import, call, (unsigned)row->a, y);
    if (status == PERCEPT_OK && (!weight || weight->rank != 2 || y->rank == PRT_MAX_RANK))
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        y->at[y->rank++] = (int64_t)weight->sizes[1] * row->b;
    return status;
}

/* (weight, indices, offsets, .., include_last_offset [7], ..) */
static enum percept_status embedding_bag(struct prt_import *import, const struct prt_call *call,
                                         const struct prt_size_row *row, unsigned which,
                                         struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *weight = prt_size_operand(import, call, 0),
                            *offsets = prt_size_operand(import, call, 2);
    if (!weight || !offsets || weight->rank != 2 || offsets->rank != 1)
        return prt_size_wrong(import);
    *y = (struct prt_sizes){
        .rank = 2, .at = {offsets->sizes[0] - prt_call_bool(import, call, 7), weight->sizes[1]}};
    return PERCEPT_OK;
}

/* ---- patterns ---- */

/* (self, offset, dim1, dim2, out) */
static enum percept_status diagonal(struct prt_import *import, const struct prt_call *call,
                                    const struct prt_size_row *row, unsigned which,
                                    struct prt_sizes *y)
{
    (void)row, (void)which;
    struct prt_sizes x;
    int32_t axes[2];
    int64_t offset = prt_call_int(import, call, 1, 0);
    enum percept_status status = prt_size_like(import, call, 0, &x);
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++)
        status = prt_import_axis(import, prt_call_int(import, call, 2 + i, i), x.rank, &axes[i]);
    if (status == PERCEPT_OK && (axes[0] == axes[1] || offset < INT32_MIN || offset > INT32_MAX))
        status = prt_size_wrong(import);
    if (status != PERCEPT_OK)
        return status;
    int64_t rows = x.at[axes[0]] + (offset < 0 ? offset : 0),
            columns = x.at[axes[1]] - (offset > 0 ? offset : 0);
    int64_t count = rows < columns ? rows : columns;
    y->rank = 0;
    for (int32_t i = 0; i < (int32_t)x.rank; i++)
        if (i != axes[0] && i != axes[1])
            y->at[y->rank++] = x.at[i];
    y->at[y->rank++] = count > 0 ? count : 0;
    return PERCEPT_OK;
}

/* (self, dimension, size, step, out) */
static enum percept_status unfold(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis;
    int64_t size = prt_call_int(import, call, 2, 1), step = prt_call_int(import, call, 3, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && (y->rank == 0 || y->rank == PRT_MAX_RANK || step < 1))
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        status = prt_import_axis(import, prt_call_int(import, call, 1, 0), y->rank, &axis);
    if (status == PERCEPT_OK && (size < 0 || size > y->at[axis]))
        status = prt_size_wrong(import);
    if (status != PERCEPT_OK)
        return status;
    y->at[axis] = (y->at[axis] - size) / step + 1;
    y->at[y->rank++] = size;
    return PERCEPT_OK;
}

/* (self, dim, out): half of it */
static enum percept_status half(struct prt_import *import, const struct prt_call *call,
                                const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK)
        status = prt_import_axis(import, prt_call_int(import, call, 1, -1), y->rank, &axis);
    if (status == PERCEPT_OK)
        y->at[axis] /= 2;
    return status;
}

static const struct prt_size_row rows[] = {
    {"quantized_decomposed::mixed_mm.out", product, 0, 0},
    {"aten::mm.out", product, 0, 0},
    {"aten::bmm.out", product, 0, 0},
    {"aten::addmm.out", product, 1, 0},
    {"aten::baddbmm.out", product, 1, 0},
    {"aten::linear.out", linear, 0, 0},
    {"quantized_decomposed::mixed_linear.out", linear, 0, 0},
    {"aten::_cdist_forward.out", distances, 0, 0},
    {"aten::_pdist_forward.out", pairs, 0, 0},
    {"aten::convolution.out", convolution, 0, 0},
    {"et_vk.conv_with_clamp.default", convolution, 0, 0},
    {"aten::max_pool2d_with_indices.out", pool, 2, true},
    {"aten::max_pool3d_with_indices.out", pool, 3, true},
    {"aten::avg_pool1d.out", pool, 1, false},
    {"aten::avg_pool2d.out", pool, 2, false},
    {"aten::avg_pool3d.out", pool, 3, false},
    {"aten::adaptive_avg_pool1d.out", last_listed, 1, 0},
    {"aten::_adaptive_avg_pool2d.out", last_listed, 1, 0},
    {"aten::adaptive_avg_pool3d.out", last_listed, 1, 0},
    {"aten::_adaptive_avg_pool3d.out", last_listed, 1, 0},
    {"aten::adaptive_max_pool2d.out", last_listed, 1, 0},
    {"aten::adaptive_max_pool3d.out", last_listed, 1, 0},
    {"aten::upsample_bilinear2d.vec_out", resize, 1, 3},
    {"aten::upsample_nearest2d.vec_out", resize, 1, 2},
    {"aten::upsample_linear1d.out", last_listed, 1, 0},
    {"aten::upsample_bilinear2d.out", last_listed, 1, 0},
    {"aten::upsample_trilinear3d.out", last_listed, 1, 0},
    {"aten::upsample_bicubic2d.out", last_listed, 1, 0},
    {"aten::_upsample_bilinear2d_aa.out", last_listed, 1, 0},
    {"aten::_upsample_bicubic2d_aa.out", last_listed, 1, 0},
    {"aten::upsample_nearest1d.out", last_listed, 1, 0},
    {"aten::upsample_nearest2d.out", last_listed, 1, 0},
    {"aten::upsample_nearest3d.out", last_listed, 1, 0},
    {"aten::_upsample_nearest_exact1d.out", last_listed, 1, 0},
    {"aten::_upsample_nearest_exact2d.out", last_listed, 1, 0},
    {"aten::_upsample_nearest_exact3d.out", last_listed, 1, 0},
    {"aten::grid_sampler_2d.out", grid, 0, 0},
    {"aten::native_layer_norm.out", layer_norm, 0, 0},
    {"aten::native_group_norm.out", group_norm, 0, 0},
    {"aten::_native_batch_norm_legit_no_training.out", batch_norm, 0, 0},
    {"aten::_native_batch_norm_legit.out", batch_norm, 0, 0},
    {"aten::_native_batch_norm_legit.no_stats_out", batch_norm, 0, 0},
    {"aten::index_select.out", index_select, 0, 0},
    {"aten::embedding.out", embedding, 1, 1},
    {"aten::_embedding_bag.out", embedding_bag, 0, 0},
    {"aten::_embedding_bag_forward_only.out", embedding_bag, 0, 0},
    {"quantized_decomposed::embedding_byte.out", embedding, 5, 1},
    {"quantized_decomposed::embedding_byte.dtype_out", embedding, 5, 1},
    {"quantized_decomposed::embedding_4bit.out", embedding, 5, 2},
    {"quantized_decomposed::embedding_4bit.dtype_out", embedding, 5, 2},
    {"quantized_decomposed::embedding_2bit.out", embedding, 5, 4},
    {"quantized_decomposed::embedding_2bit.dtype_out", embedding, 5, 4},
    {"aten::diagonal_copy.out", diagonal, 0, 0},
    {"aten::unfold_copy.out", unfold, 0, 0},
    {"aten::glu.out", half, 0, 0},
};

const struct prt_size_row *prt_size_of_layer(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
