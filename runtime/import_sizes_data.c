/* Why: the sizes of what is looked up by masks, which only the data tell. */
#include "runtime/import_sizes.h"

#include <string.h>

/* How many of `elements` are true: what was chosen, else as many as dimension `at` of result v may
 * have. */
static int64_t truths(const struct prt_import *import, unsigned ahead, int64_t elements, uint32_t v,
                      unsigned at)
{
    const struct prt_program_tensor *stated = import->method->values[import->identity[v]].tensor;
    if (!stated->unbounded && at < stated->spec.rank && stated->spec.sizes[at] < elements)
        elements = stated->spec.sizes[at];
    return prt_import_data_size(import, ahead, elements);
}

/* (self, out) */
static enum percept_status nonzero(struct prt_import *import, const struct prt_call *call,
                                   const struct prt_size_row *row, unsigned which,
                                   struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *x = prt_size_operand(import, call, 0);
    if (!x)
        return prt_size_wrong(import);
    int64_t count = (int64_t)prt_tensor_elements(x);
    *y = (struct prt_sizes){.rank = 2, .at = {truths(import, 0, count, call->args[1], 0), x->rank}};
    return PERCEPT_OK;
}

/* What self and mask broadcast to. */
static enum percept_status masked(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)row, (void)which;
    const struct prt_tensor *mask = prt_size_operand(import, call, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    return status == PERCEPT_OK && mask ? prt_size_broadcast(import, y, mask) : status;
}

/* (self, mask, out): the elements of that where the mask is true */
static enum percept_status masked_select(struct prt_import *import, const struct prt_call *call,
                                         const struct prt_size_row *row, unsigned which,
                                         struct prt_sizes *y)
{
    struct prt_sizes wide = {0};
    double count = 1; /* cannot overflow */
    enum percept_status status = masked(import, call, row, which, &wide);
    for (unsigned i = 0; i < wide.rank; i++)
        count *= (double)wide.at[i];
    if (status == PERCEPT_OK && count > INT32_MAX)
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        *y = (struct prt_sizes){.rank = 1,
                                .at = {truths(import, 0, (int64_t)count, call->args[2], 0)}};
    return status;
}

/* (repeats, output_size, out) */
static enum percept_status repeated(struct prt_import *import, const struct prt_call *call,
                                    const struct prt_size_row *row, unsigned which,
                                    struct prt_sizes *y)
{
    (void)row, (void)which;
    int64_t most = prt_call_int(import, call, 1, INT32_MAX);
    const struct prt_program_tensor *stated =
        import->method->values[import->identity[call->args[2]]].tensor;
    if (most == INT32_MAX && stated->unbounded)
        most = 0; /* the first run tells */
    *y = (struct prt_sizes){.rank = 1, .at = {truths(import, 0, most, call->args[2], 0)}};
    return PERCEPT_OK;
}

/* Which dimensions of x the list of a call replaces: one an index, those of a mask. False when
 * there are more than x has. */
static bool replaced(const struct prt_import *import, const struct prt_call *call, unsigned rank,
                     bool *taken)
{
    unsigned dim = 0;
    for (uint32_t i = 0; i < call->list_count; i++) {
        const struct prt_tensor *index =
            call->list[i] == PRT_NO_VALUE ? NULL : prt_import_spec(import, call->list[i]);
        unsigned takes = index && index->dtype == PRT_BOOL ? index->rank : 1;
        for (unsigned k = 0; k < takes; k++, dim++) {
            if (dim >= rank)
                return false;
            taken[dim] = index != NULL;
        }
    }
    return true;
}

/* (self, indices, out): see look_up in import_aten_index.c */
static enum percept_status index_tensors(struct prt_import *import, const struct prt_call *call,
                                         const struct prt_size_row *row, unsigned which,
                                         struct prt_sizes *y)
{
    (void)row, (void)which;
    struct prt_sizes x, common = {0};
    bool taken[PRT_MAX_RANK] = {false};
    unsigned first = 0, runs = 0, kept = 0, masks = 0;
    enum percept_status status = prt_size_like(import, call, 0, &x);
    if (status == PERCEPT_OK && !replaced(import, call, x.rank, taken))
        status = prt_size_wrong(import);
    if (status != PERCEPT_OK)
        return status;
    for (unsigned d = 0; d < x.rank; d++) {
        kept += !taken[d];
        if (taken[d] && (d == 0 || !taken[d - 1]))
            first = runs++ ? first : d;
    }
    /* Indices side by side are replaced where they stand; apart, by the first dimensions. */
    unsigned at = runs == 1 ? first : 0;
    for (uint32_t i = 0; i < call->list_count && status == PERCEPT_OK; i++) {
        if (call->list[i] == PRT_NO_VALUE)
            continue;
        const struct prt_tensor *index = prt_import_spec(import, call->list[i]);
        struct prt_tensor vector = {.rank = 1};
        if (index->dtype == PRT_BOOL) {
            int64_t count =
                truths(import, masks++, (int64_t)prt_tensor_elements(index), call->args[2], at);
            if (count > INT32_MAX)
                return prt_size_wrong(import);
            vector.sizes[0] = (int32_t)count;
            index = &vector;
        }
        status = prt_size_broadcast(import, &common, index);
    }
    if (status == PERCEPT_OK && kept + common.rank > PRT_MAX_RANK)
        status = prt_size_wrong(import);
    if (status != PERCEPT_OK)
        return status;
    y->rank = 0;
    for (unsigned d = 0; d <= x.rank; d++) {
        if (d == at) {
            memcpy(y->at + y->rank, common.at, common.rank * sizeof *common.at);
            y->rank += common.rank;
        }
        if (d < x.rank && !taken[d])
            y->at[y->rank++] = x.at[d];
    }
    return PERCEPT_OK;
}

static const struct prt_size_row rows[] = {
    {"aten::nonzero.out", nonzero, 0, 0},
    {"aten::masked_select.out", masked_select, 0, 0},
    {"aten::masked_scatter.out", masked, 0, 0},
    {"aten::repeat_interleave.Tensor_out", repeated, 0, 0},
    {"aten::index.Tensor_out", index_tensors, 0, 0},
};

const struct prt_size_row *prt_size_of_data(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
