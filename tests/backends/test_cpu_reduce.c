/* Reductions, softmax, layer norm and matrix products of the CPU backend against double. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reductions ---- */

static double reduced(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_reduce_attrs *a = context;
    uint32_t id = one->graph->nodes[0].inputs[0];
    const struct prt_tensor *x = one_node_spec(one, id);
    struct prt_tensor inner = *x; /* the reduced dimensions alone */
    int32_t at[PRT_MAX_RANK] = {0}, base[PRT_MAX_RANK] = {0};
    for (unsigned i = 0, out = 0; i < x->rank; i++) {
        bool gone = a->axes >> i & 1;
        if (!gone)
            inner.sizes[i] = 1, base[i] = index[out];
        out += !gone || a->keep_dims;
    }
    double sum = 0, product = 1, most = -HUGE_VAL, least = HUGE_VAL, count = 0;
    do {
        int32_t from[PRT_MAX_RANK];
        for (unsigned i = 0; i < x->rank; i++)
            from[i] = base[i] + at[i];
        double v = one_node_get(one, id, from);
        sum += v;
        product *= v;
        count++;
        most = isnan(most) || isnan(v) ? NAN : fmax(most, v);
        least = isnan(least) || isnan(v) ? NAN : fmin(least, v);
    } while (next_index(&inner, at));
    return a->kind == PRT_REDUCE_SUM    ? sum
           : a->kind == PRT_REDUCE_MEAN ? sum / count
           : a->kind == PRT_REDUCE_PROD ? product
           : a->kind == PRT_REDUCE_MAX  ? most
                                        : least;
}

static void reduce_case(enum prt_reduce_kind kind, enum prt_dtype dtype, bool coded, int round)
{
    struct prt_tensor x = round == 0   ? channels_last(TENSOR(dtype, 1, 300, 7, 9))
                          : round == 1 ? TENSOR(dtype, 3, 5000)
                          : round == 2 ? channels_last(TENSOR(dtype, 1, 64, 40, 30))
                                       : shuffled(random_shape(dtype, 5, 7));
    if (x.rank == 0)
        return;
    if (coded)
        x = quantised(x, 0.02, dtype == PRT_U8 ? 100 : -20);
    struct prt_reduce_attrs a = {.kind = kind, .keep_dims = random_between(0, 1)};
    a.axes = round == 0 || round == 2 ? 0xcu
             : round == 1             ? 2u
                                      : (uint32_t)random_between(1, (1 << x.rank) - 1);
    int32_t sizes[PRT_MAX_RANK];
    unsigned rank = 0;
    double elements = 1;
    for (unsigned i = 0; i < x.rank; i++) {
        bool gone = a.axes >> i & 1;
        elements *= gone ? x.sizes[i] : 1;
        if (!gone || a.keep_dims)
            sizes[rank++] = gone ? 1 : x.sizes[i];
    }
    struct prt_tensor y = shuffled(tensor_of(dtype, rank, sizes));
    if (coded)
        y = quantised(y, kind == PRT_REDUCE_SUM ? 0.02 * elements : 0.021, 11);
    struct one_node one = one_node_begin();
    uint32_t id = one_node_input(&one, x);
    if (kind == PRT_REDUCE_PROD) /* near 1, so that products stay in range; of integers, +-1 */
        one_node_fill(&one, id, dtype == PRT_I32 || dtype == PRT_I64 ? -1.4 : 0.999, 1.001);
    else
        one_node_fill(&one, id, -5, 5);
    if (round % 2 && dtype == PRT_F32 && (kind == PRT_REDUCE_MAX || kind == PRT_REDUCE_MIN))
        one_node_fill_edges(&one, id);
    NODE(&one, PRT_OP_REDUCE, y, id)->attrs.reduce = a;
    one_node_run(&one);
    /* Sums are made in double, so only the result is rounded. */
    one_node_check(&one, reduced, &a,
                   coded              ? 1e-3
                   : dtype == PRT_F32 ? 1e-7 * (1 + elements / 1000)
                   : dtype == PRT_F16 ? 1e-3
                                      : 1e-12);
    one_node_end(&one);
}

START_TEST(reductions_match_their_definition)
{
    random_seed(30 + (uint64_t)_i);
    enum prt_reduce_kind kind = (enum prt_reduce_kind)_i;
    for (int round = 0; round < 16; round++) {
        reduce_case(kind, PRT_F32, false, round);
        reduce_case(kind, PRT_F16, false, round);
        reduce_case(kind, PRT_F64, false, round);
        if (kind != PRT_REDUCE_PROD) { /* products of codes grow out of any scale */
            reduce_case(kind, PRT_I8, true, round);
            reduce_case(kind, PRT_U8, true, round);
        }
        if (kind != PRT_REDUCE_MEAN) {
            reduce_case(kind, PRT_I32, false, round);
            reduce_case(kind, PRT_I64, false, round);
        }
    }
}
END_TEST

START_TEST(integers_have_no_mean)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_I64, 4));
    NODE(&one, PRT_OP_REDUCE, tensor_scalar(PRT_I64), x)->attrs.reduce =
        (struct prt_reduce_attrs){.kind = PRT_REDUCE_MEAN, .axes = 1};
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

/* ---- softmax ---- */

static double softmaxed(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_softmax_attrs *a = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    int32_t at[PRT_MAX_RANK], size = one_node_spec(one, x)->sizes[a->axis];
    memcpy(at, index, sizeof(int32_t) * one_node_spec(one, x)->rank);
    double most = -HUGE_VAL, sum = 0, own = one_node_get(one, x, index);
    for (at[a->axis] = 0; at[a->axis] < size; at[a->axis]++) {
        double v = one_node_get(one, x, at);
        most = isnan(most) || isnan(v) ? NAN : fmax(most, v);
    }
    for (at[a->axis] = 0; at[a->axis] < size; at[a->axis]++)
        sum += exp(one_node_get(one, x, at) - most);
    return a->log ? own - most - log(sum) : exp(own - most) / sum;
}

START_TEST(softmax_matches_its_definition)
{
    static const struct {
        enum prt_dtype dtype;
        bool coded;
        double tolerance;
    } kinds[] = {{PRT_F32, false, 2e-6}, {PRT_F16, false, 4e-3}, {PRT_I8, true, 1e-2}};
    random_seed(40);
    for (unsigned k = 0; k < 3; k++)
        for (int round = 0; round < 24; round++) {
            struct prt_tensor x = round == 0   ? TENSOR(kinds[k].dtype, 3, 3000)
                                  : round == 1 ? TENSOR(kinds[k].dtype, 200, 60)
                                               : random_shape(kinds[k].dtype, 4, 11);
            if (x.rank == 0)
                continue;
            struct prt_softmax_attrs a = {.axis = random_between(0, x.rank - 1), .log = round % 2};
            struct prt_tensor y = x;
            if (kinds[k].coded) {
                x = quantised(x, 0.04, 3);
                y = quantised(y, a.log ? 0.1 : 1.0 / 256, a.log ? 127 : -128);
            }
            struct one_node one = one_node_begin();
            uint32_t id = one_node_input(&one, x);
            one_node_fill(&one, id, -8, 8);
            NODE(&one, PRT_OP_SOFTMAX, y, id)->attrs.softmax = a;
            one_node_run(&one);
            one_node_check(&one, softmaxed, &a, kinds[k].tolerance);
            one_node_end(&one);
        }
}
END_TEST

START_TEST(softmax_survives_large_and_masked_scores)
{
    struct one_node one = one_node_begin();
    struct prt_softmax_attrs a = {.axis = 1};
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 3, 4));
    float scores[3][4] = {{1e30f, 1e30f, 0, -1e30f},
                          {-INFINITY, 2, 2, -INFINITY},
                          {-INFINITY, -INFINITY, -INFINITY, -INFINITY}};
    memcpy(one.data[x], scores, sizeof scores);
    NODE(&one, PRT_OP_SOFTMAX, TENSOR(PRT_F32, 3, 4), x)->attrs.softmax = a;
    one_node_run(&one);
    const float *y = one.data[one.y];
    static const float expected[8] = {0.5f, 0.5f, 0, 0, 0, 0.5f, 0.5f, 0};
    for (int i = 0; i < 8; i++)
        ck_assert_float_eq(y[i], expected[i]);
    for (int i = 8; i < 12; i++)
        ck_assert(isnan(y[i]));
    one_node_end(&one);
}
END_TEST

/* ---- matrix products ---- */

static double multiplied(const struct one_node *one, const int32_t *index, const void *context)
{
    bool transposed = *(const bool *)context;
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_tensor *a = one_node_spec(one, node->inputs[0]),
                            *b = one_node_spec(one, node->inputs[1]),
                            *y = one_node_spec(one, one->y);
    int32_t at[2][PRT_MAX_RANK];
    for (int o = 0; o < 2; o++) {
        const struct prt_tensor *x = o ? b : a;
        for (int i = 0; i < x->rank - 2; i++)
            at[o][i] = x->sizes[i] == 1 ? 0 : index[y->rank - x->rank + i];
    }
    double sum = 0;
    for (int32_t k = 0; k < a->sizes[a->rank - 1]; k++) {
        at[0][a->rank - 2] = index[y->rank - 2];
        at[0][a->rank - 1] = k;
        at[1][b->rank - (transposed ? 1 : 2)] = k;
        at[1][b->rank - (transposed ? 2 : 1)] = index[y->rank - 1];
        sum +=
            one_node_get(one, node->inputs[0], at[0]) * one_node_get(one, node->inputs[1], at[1]);
    }
    return sum;
}

START_TEST(matmul_multiplies_batches_that_broadcast)
{
    random_seed(50);
    for (int round = 0; round < 40; round++) {
        struct one_node one = one_node_begin();
        int32_t m = random_between(5, 20), n = random_between(1, 50), k = random_between(0, 40);
        if (round == 0)
            m = 70, n = 100, k = 64;
        bool transposed = round % 2, few = round % 4 == 1;
        if (few)
            m = random_between(1, 4);
        int32_t lead[2] = {random_between(1, 3), random_between(1, 3)};
        int32_t sizes[3][4];
        unsigned rank[3] = {(unsigned)random_between(2, 4), (unsigned)random_between(2, 4), 4};
        for (int o = 0; o < 3; o++) {
            for (int i = 0; i < 2; i++)
                sizes[o][i] = o < 2 && random_between(0, 2) == 0 ? 1 : lead[i];
            sizes[o][2] = o == 1 ? (transposed ? n : k) : m;
            sizes[o][3] = o == 0 ? k : o == 1 && transposed ? k : n;
        }
        uint32_t inputs[2];
        for (int o = 0; o < 2; o++) {
            inputs[o] = one_node_input(&one, tensor_of(PRT_F32, rank[o], sizes[o] + 4 - rank[o]));
            one_node_fill(&one, inputs[o], -1, 1);
        }
        NODE(&one, PRT_OP_MATMUL, tensor_of(PRT_F32, 4, sizes[2]), inputs[0], inputs[1])
            ->attrs.matmul.transpose_b = transposed;
        if (few) { /* fuses, and sums in another order, as vectors are wide */
            one_node_run_near(&one, multiplied, &transposed, 2e-6 * (1 + k));
        } else {
            one_node_run(&one);
            one_node_check(&one, multiplied, &transposed, 2e-6 * (1 + k));
        }
        one_node_end(&one);
    }
}
END_TEST

/* ---- layer norm ---- */

static double normed(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_layer_norm_attrs *a = context;
    uint32_t x = node->inputs[0];
    unsigned last = one_node_spec(one, x)->rank - 1u;
    int32_t at[PRT_MAX_RANK], size = one_node_spec(one, x)->sizes[last];
    memcpy(at, index, sizeof(int32_t) * (last + 1));
    double mean = 0, squares = 0;
    for (at[last] = 0; !a->rms && at[last] < size; at[last]++)
        mean += one_node_get(one, x, at) / size;
    for (at[last] = 0; at[last] < size; at[last]++)
        squares += pow(one_node_get(one, x, at) - mean, 2) / size;
    double y = (one_node_get(one, x, index) - mean) / sqrt(squares + a->epsilon);
    if (node->inputs[1] != PRT_NO_VALUE)
        y *= one_node_broadcast(one, node->inputs[1], index);
    return node->inputs[2] == PRT_NO_VALUE ? y
                                           : y + one_node_broadcast(one, node->inputs[2], index);
}

START_TEST(layer_norm_matches_its_definition)
{
    random_seed(42);
    for (int round = 0; round < 48; round++) {
        struct prt_tensor x = round == 0   ? TENSOR(PRT_F32, 2, 5000)
                              : round == 1 ? TENSOR(PRT_F32, 300, 33)
                                           : random_shape(PRT_F32, 4, 40);
        if (x.rank == 0)
            continue;
        for (unsigned i = 0; round % 3 == 0 && i + 1 < x.rank; i++) /* rows in another order */
            x.dim_order[i] = (uint8_t)(x.rank - 2u - i);
        struct prt_layer_norm_attrs a = {.epsilon = round % 5 ? 1e-5 : 0.1, .rms = round % 2};
        struct one_node one = one_node_begin();
        uint32_t inputs[3] = {one_node_input(&one, x), PRT_NO_VALUE, PRT_NO_VALUE};
        one_node_fill(&one, inputs[0], -3, 5);
        for (unsigned i = 1; i < 3; i++) {
            if ((unsigned)round / 2 % 4 & i)
                continue; /* all four of what may be given */
            struct prt_tensor row = i == 1 ? TENSOR(PRT_F32, x.sizes[x.rank - 1])
                                           : TENSOR(PRT_F32, 1, x.sizes[x.rank - 1]);
            row = x.rank == 1 ? TENSOR(PRT_F32, x.sizes[0]) : row;
            inputs[i] = one_node_input(&one, row);
            one_node_fill(&one, inputs[i], -2, 2);
        }
        one_node_make(&one, PRT_OP_LAYER_NORM, x, 3, inputs)->attrs.layer_norm = a;
        one_node_run(&one);
        /* Where a row hardly varies, what cancels in x - mean counts: x and mean are near 5. */
        one_node_check(&one, normed, &a, 2e-5);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu reduce");
    TCase *tests = tcase_create("cpu reduce");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, reductions_match_their_definition, 0, PRT_REDUCE_COUNT);
    tcase_add_test(tests, integers_have_no_mean);
    tcase_add_test(tests, softmax_matches_its_definition);
    tcase_add_test(tests, softmax_survives_large_and_masked_scores);
    tcase_add_test(tests, layer_norm_matches_its_definition);
    tcase_add_test(tests, matmul_multiplies_batches_that_broadcast);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
