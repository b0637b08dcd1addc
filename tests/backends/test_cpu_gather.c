/* Ops of the CPU backend that look elements up, put them where indices say, or order them. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const enum prt_dtype dtypes[] = {PRT_F32, PRT_I8, PRT_F16, PRT_I64, PRT_BOOL};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0], ROUNDS = 40 };

static uint32_t filled(struct one_node *one, struct prt_tensor tensor)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, 0, tensor.dtype == PRT_BOOL ? 1 : 100);
    return id;
}

/* The index operand at p, along whose dimensions it has p's size or 1. */
static double index_at(const struct one_node *one, uint32_t id, const int32_t *p)
{
    int32_t at[PRT_MAX_RANK];
    for (unsigned i = 0; i < one_node_spec(one, id)->rank; i++)
        at[i] = one_node_spec(one, id)->sizes[i] == 1 ? 0 : p[i];
    return one_node_get(one, id, at);
}

/* Where in x the node looks for p, by what its attributes say. */
static void looked_up(const struct one_node *one, unsigned first, const int32_t *p, int32_t *c)
{
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_tensor *x = one_node_spec(one, node->inputs[0]);
    for (unsigned d = 0; d < x->rank; d++) {
        unsigned from = node->attrs.index.from[d];
        int32_t at = from < PRT_INDEXED
                         ? p[from]
                         : (int32_t)index_at(one, node->inputs[first + from - PRT_INDEXED], p);
        c[d] = at < 0 ? at + x->sizes[d] : at;
    }
}

static double gathered(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)context;
    int32_t c[PRT_MAX_RANK];
    looked_up(one, 1, index, c);
    return one_node_get(one, one->graph->nodes[0].inputs[0], c);
}

static double scattered(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)context;
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_tensor *x = one_node_spec(one, node->inputs[0]);
    const struct prt_tensor *src = one_node_spec(one, node->inputs[1]);
    double value = one_node_get(one, node->inputs[0], index);
    int32_t p[PRT_MAX_RANK] = {0}, c[PRT_MAX_RANK];
    if (prt_tensor_elements(src) == 0)
        return value;
    do {
        looked_up(one, 2, p, c);
        double given = one_node_get(one, node->inputs[1], p);
        if (memcmp(c, index, x->rank * sizeof *c) == 0)
            value = !node->attrs.index.add ? given
                    : x->dtype == PRT_BOOL ? fmax(value, given)
                                           : value + given;
    } while (next_index(src, p));
    return value;
}

/* An index operand for dimension d of x that varies along some dimensions of p. */
static uint32_t random_index(struct one_node *one, const struct prt_tensor *p, int32_t size)
{
    struct prt_tensor tensor = *p;
    tensor.dtype = random_between(0, 1) ? PRT_I64 : PRT_I32;
    tensor.quant = (struct prt_quant){0};
    for (unsigned i = 0; i < p->rank; i++)
        if (p->sizes[i] > 1 && random_between(0, 2) == 0)
            tensor.sizes[i] = 1;
    tensor = shuffled(tensor);
    uint32_t id = one_node_input(one, tensor);
    int32_t at[PRT_MAX_RANK] = {0};
    if (prt_tensor_elements(&tensor))
        do
            one_node_set(one, id, at, random_between(-size, size - 1));
        while (next_index(&tensor, at));
    return id;
}

/* A random lookup into an x of any rank, through no to three indices. */
static void random_lookup(enum prt_op op, enum prt_dtype dtype, bool add)
{
    struct one_node one = one_node_begin();
    struct prt_tensor x = random_shape(dtype, 4, 6), p = x;
    struct prt_index_attrs attrs = {.add = add};
    uint32_t inputs[8], count = op == PRT_OP_SCATTER ? 2 : 1, first = count;
    bool indexed[PRT_MAX_RANK] = {false};
    if (dtype == PRT_I8 && !add)
        x = quantised(x, 0.1, 7);
    p.rank = 0;
    /* p follows some of x's dimensions, in another order, and has one or two of its own. */
    for (unsigned d = 0; d < x.rank; d++) {
        indexed[d] = random_between(0, 1) && count - first < 3;
        if (indexed[d])
            attrs.from[d] = (uint8_t)(PRT_INDEXED + (int)(count++ - first));
        else
            p.sizes[p.rank++] = random_between(op == PRT_OP_SCATTER, x.sizes[d]);
    }
    unsigned followed = p.rank;
    for (int own = random_between(0, 2); own > 0; own--)
        p.sizes[p.rank++] = random_between(1, 5);
    int32_t sizes[PRT_MAX_RANK];
    struct prt_tensor mixed = shuffled(tensor_of(dtype, p.rank, p.sizes));
    for (unsigned i = 0; i < p.rank; i++)
        sizes[mixed.dim_order[i]] = p.sizes[i];
    for (unsigned d = 0, at = 0; d < x.rank; d++)
        if (!indexed[d])
            attrs.from[d] = mixed.dim_order[at++];
    ck_assert_uint_le(followed, p.rank);
    p = tensor_of(dtype, p.rank, sizes);
    p.quant = x.quant;
    inputs[0] = filled(&one, shuffled(x));
    if (op == PRT_OP_SCATTER)
        inputs[1] = filled(&one, shuffled(p));
    for (unsigned d = 0, k = first; d < x.rank; d++)
        if (indexed[d])
            inputs[k++] = random_index(&one, &p, x.sizes[d]);
    one_node_make(&one, op, shuffled(op == PRT_OP_SCATTER ? x : p), count, inputs)->attrs.index =
        attrs;
    one_node_run(&one);
    one_node_check(&one, op == PRT_OP_SCATTER ? scattered : gathered, NULL,
                   add && dtype == PRT_F16 ? 1e-2 : 1e-5);
    one_node_end(&one);
}

START_TEST(gather_follows_dimensions_and_indices)
{
    random_seed(11);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < ROUNDS; round++)
            random_lookup(PRT_OP_GATHER, dtypes[t], false);
}
END_TEST

START_TEST(scatter_puts_where_the_indices_say)
{
    random_seed(12);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < ROUNDS; round++)
            random_lookup(PRT_OP_SCATTER, dtypes[t], false);
}
END_TEST

START_TEST(scatter_adds_up_what_falls_together)
{
    static const enum prt_dtype added[] = {PRT_F32, PRT_F64, PRT_F16, PRT_I64, PRT_I32, PRT_BOOL};
    random_seed(13);
    for (unsigned t = 0; t < sizeof added / sizeof added[0]; t++)
        for (int round = 0; round < ROUNDS; round++)
            random_lookup(PRT_OP_SCATTER, added[t], true);
}
END_TEST

START_TEST(rows_of_a_large_table)
{
    random_seed(14);
    struct one_node one = one_node_begin();
    uint32_t table = filled(&one, TENSOR(PRT_F32, 300, 130));
    uint32_t index = one_node_input(&one, TENSOR(PRT_I64, 7, 50, 1));
    one_node_fill(&one, index, 0, 299);
    struct prt_node *node = NODE(&one, PRT_OP_GATHER, TENSOR(PRT_F32, 7, 50, 130), table, index);
    node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 2}};
    one_node_run(&one);
    one_node_check(&one, gathered, NULL, 0);
    one_node_end(&one);
}
END_TEST

START_TEST(one_dimension_may_follow_twice)
{
    random_seed(15);
    struct one_node one = one_node_begin();
    uint32_t x = filled(&one, shuffled(TENSOR(PRT_F32, 5, 3, 5)));
    struct prt_node *node = NODE(&one, PRT_OP_GATHER, TENSOR(PRT_F32, 3, 5), x);
    node->attrs.index = (struct prt_index_attrs){.from = {1, 0, 1}};
    one_node_run(&one);
    one_node_check(&one, gathered, NULL, 0);
    one_node_end(&one);
}
END_TEST

START_TEST(no_index_and_no_element)
{
    struct one_node one = one_node_begin();
    uint32_t x = filled(&one, TENSOR(PRT_F32, 5, 3));
    uint32_t index = one_node_input(&one, TENSOR(PRT_I32, 0, 1));
    struct prt_node *node = NODE(&one, PRT_OP_GATHER, TENSOR(PRT_F32, 0, 3), x, index);
    node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 1}};
    one_node_run(&one);
    one_node_end(&one);
}
END_TEST

/* ---- indices that only the data of a run get wrong ---- */

static const struct {
    enum prt_op op;
    double index;
    const char *message;
} strays[] = {
    {PRT_OP_GATHER, 5, "aten::stray: index 5 is outside of a dimension of 5"},
    {PRT_OP_GATHER, -6, "aten::stray: index -6 is outside of a dimension of 5"},
    {PRT_OP_GATHER, 1e15, "aten::stray: index 1000000000000000 is outside of a dimension of 5"},
    {PRT_OP_SCATTER, 5, "aten::stray: index 5 is outside of a dimension of 5"},
    {PRT_OP_SCATTER, -1e15, "aten::stray: index -1000000000000000 is outside of a dimension of 5"},
};

START_TEST(stray_index_ends_the_run)
{
    struct one_node one = one_node_begin();
    uint32_t x = filled(&one, TENSOR(PRT_F32, 5, 3));
    uint32_t index = one_node_input(&one, TENSOR(PRT_I64, 4, 1));
    uint32_t src = filled(&one, TENSOR(PRT_F32, 4, 3));
    one_node_set(&one, index, (int32_t[]){2, 0}, strays[_i].index);
    struct prt_node *node = strays[_i].op == PRT_OP_GATHER
                                ? NODE(&one, PRT_OP_GATHER, TENSOR(PRT_F32, 4, 3), x, index)
                                : NODE(&one, PRT_OP_SCATTER, TENSOR(PRT_F32, 5, 3), x, src, index);
    node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 1}};
    node->name = "aten::stray";
    one_node_run_fails(&one, strays[_i].message);
    one_node_end(&one);
}
END_TEST

/* ---- order ---- */

/* Does a come before b? NaN is the greatest. */
static bool before(double a, double b, bool descending)
{
    if (isnan(a) || isnan(b))
        return isnan(a) != isnan(b) && isnan(descending ? a : b);
    return descending ? a > b : a < b;
}

/* The index of the element that as many others precede as `index` says along the axis. */
static double ordered(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_argsort_attrs *attrs = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    int32_t at[PRT_MAX_RANK], size = one_node_spec(one, x)->sizes[attrs->axis];
    double *row = malloc(sizeof *row * (size_t)size);
    memcpy(at, index, sizeof at);
    int32_t wanted = attrs->median ? (size - 1) / 2 : index[attrs->axis], result = -1;
    for (int32_t i = 0; i < size; i++) {
        at[attrs->axis] = i;
        row[i] = one_node_get(one, x, at);
    }
    for (int32_t i = 0; i < size && attrs->median && result < 0; i++)
        result = isnan(row[i]) ? i : -1;
    for (int32_t i = 0; i < size && result < 0; i++) {
        int32_t rank = 0;
        for (int32_t j = 0; j < size; j++)
            rank += before(row[j], row[i], attrs->descending) ||
                    (j < i && !before(row[i], row[j], attrs->descending));
        result = rank == wanted ? i : -1;
    }
    free(row);
    return result;
}

START_TEST(argsort_is_stable_in_every_type)
{
    static const enum prt_dtype sorted[] = {PRT_F32, PRT_F64, PRT_F16, PRT_BF16, PRT_I8,
                                            PRT_U8,  PRT_I16, PRT_I32, PRT_I64,  PRT_BOOL};
    random_seed(16);
    for (unsigned t = 0; t < sizeof sorted / sizeof sorted[0]; t++)
        for (int round = 0; round < 12; round++) {
            struct one_node one = one_node_begin();
            struct prt_tensor x = TENSOR(sorted[t], 3, 1, 4), y;
            struct prt_argsort_attrs attrs = {.axis = random_between(0, 2),
                                              .descending = random_between(0, 1)};
            attrs.median = round % 4 == 3;
            attrs.descending = attrs.descending && !attrs.median;
            x.sizes[attrs.axis] = random_between(1, 40);
            y = x;
            y.dtype = PRT_I64;
            y.sizes[attrs.axis] = attrs.median ? 1 : random_between(0, x.sizes[attrs.axis]);
            uint32_t id = one_node_input(&one, x);
            one_node_fill(&one, id, 0, sorted[t] == PRT_BOOL ? 1 : 9);
            if (round % 3 == 2)
                one_node_fill_edges(&one, id);
            NODE(&one, PRT_OP_ARGSORT, y, id)->attrs.argsort = attrs;
            one_node_run(&one);
            one_node_check(&one, ordered, &attrs, 0);
            one_node_end(&one);
        }
}
END_TEST

/* ---- distances ---- */

static double distance(const struct one_node *one, const int32_t *index, const void *context)
{
    const double *p = context;
    const struct prt_node *node = &one->graph->nodes[0];
    int32_t a[3] = {index[0], index[1], 0}, b[3] = {index[0], index[2], 0};
    double sum = 0;
    for (; a[2] < one_node_spec(one, node->inputs[0])->sizes[2]; a[2]++, b[2]++) {
        double d =
            fabs(one_node_get(one, node->inputs[0], a) - one_node_get(one, node->inputs[1], b));
        sum = *p == 0 ? sum + (d != 0) : isinf(*p) ? fmax(sum, d) : sum + pow(d, *p);
    }
    return *p == 0 || isinf(*p) ? sum : pow(sum, 1 / *p);
}

START_TEST(distance_is_the_norm_of_the_difference)
{
    static const double norms[] = {0, 0.5, 1, 2, 3, HUGE_VAL};
    random_seed(17);
    for (unsigned i = 0; i < sizeof norms / sizeof norms[0]; i++)
        for (int wide = 0; wide < 2; wide++) {
            enum prt_dtype dtype = wide ? PRT_F64 : PRT_F32;
            struct one_node one = one_node_begin();
            uint32_t a = filled(&one, TENSOR(dtype, 2, 5, 7)),
                     b = filled(&one, TENSOR(dtype, 2, 3, 7));
            NODE(&one, PRT_OP_DISTANCE, TENSOR(dtype, 2, 5, 3), a, b)->attrs.distance.p = norms[i];
            one_node_run(&one);
            one_node_check(&one, distance, &norms[i], 1e-6);
            one_node_end(&one);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_gather");
    TCase *tests = tcase_create("cpu_gather");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, gather_follows_dimensions_and_indices);
    tcase_add_test(tests, scatter_puts_where_the_indices_say);
    tcase_add_test(tests, scatter_adds_up_what_falls_together);
    tcase_add_test(tests, rows_of_a_large_table);
    tcase_add_test(tests, one_dimension_may_follow_twice);
    tcase_add_test(tests, no_index_and_no_element);
    tcase_add_loop_test(tests, stray_index_ends_the_run, 0, sizeof strays / sizeof strays[0]);
    tcase_add_test(tests, argsort_is_stable_in_every_type);
    tcase_add_test(tests, distance_is_the_norm_of_the_difference);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
