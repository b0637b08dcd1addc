/* ATTENTION through the backend: heads, masks, strides and rows that see nothing. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct operands {
    uint32_t q, k, v, mask;
    int32_t seen; /* with a start: keys that the first row of a causal one sees, else each; or 0 */
};

/* The index of a head of k or v that a head of q reads. */
static void shared(const struct prt_tensor *q, const struct prt_tensor *x, const int32_t *index,
                   int32_t *at)
{
    for (unsigned i = 0; i + 2 < q->rank; i++)
        at[i] = index[i] / (q->sizes[i] / x->sizes[i]);
}

static double score(const struct one_node *one, const struct operands *o, const int32_t *index,
                    int32_t key)
{
    const struct prt_attention_attrs *a = &one->graph->nodes[0].attrs.attention;
    const struct prt_tensor *q = one_node_spec(one, o->q), *k = one_node_spec(one, o->k);
    unsigned last = q->rank - 1u;
    int32_t from[PRT_MAX_RANK], to[PRT_MAX_RANK];
    memcpy(from, index, sizeof from);
    shared(q, k, index, to);
    if (a->causal && key >= index[last - 1] + (o->seen ? o->seen : 1))
        return -INFINITY;
    if (!a->causal && o->seen && key >= o->seen)
        return -INFINITY;
    to[last - 1] = key;
    double sum = 0;
    for (int32_t d = 0; d < q->sizes[last]; d++) {
        from[last] = to[last] = d;
        sum += one_node_get(one, o->q, from) * one_node_get(one, o->k, to);
    }
    sum *= (double)a->scale;
    if (o->mask == PRT_NO_VALUE)
        return sum;
    const struct prt_tensor *mask = one_node_spec(one, o->mask);
    memcpy(from, index, sizeof from);
    if (mask->rank == 2)
        from[0] = index[last - 1];
    from[mask->rank - 1] = key;
    return sum + one_node_get(one, o->mask, from);
}

static double attended(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct operands *o = context;
    const struct prt_tensor *q = one_node_spec(one, o->q), *v = one_node_spec(one, o->v);
    unsigned last = q->rank - 1u;
    int32_t at[PRT_MAX_RANK];
    shared(q, v, index, at);
    at[last] = index[last];
    double most = -INFINITY, total = 0, sum = 0, scores[512];
    ck_assert_int_le(v->sizes[last - 1], 512);
    for (int32_t s = 0; s < v->sizes[last - 1]; s++)
        most = fmax(most, scores[s] = score(one, o, index, s));
    if (!(most > -INFINITY))
        return one->graph->nodes[0].attrs.attention.safe ? 0 : NAN;
    for (int32_t s = 0; s < v->sizes[last - 1]; s++) {
        double weight = exp(scores[s] - most);
        if (weight == 0)
            continue; /* whatever lies there */
        at[last - 1] = s;
        total += weight;
        sum += weight * one_node_get(one, o->v, at);
    }
    return sum / total;
}

/* The heads of [heads, rows, depth] may lie beside each other, as a projection leaves them. */
static struct prt_tensor by_rows(struct prt_tensor tensor)
{
    if (random_between(0, 1)) {
        tensor.dim_order[tensor.rank - 3] = (uint8_t)(tensor.rank - 2);
        tensor.dim_order[tensor.rank - 2] = (uint8_t)(tensor.rank - 3);
    }
    return tensor;
}

static uint32_t operand(struct one_node *one, unsigned rank, int32_t batch, int32_t heads,
                        int32_t rows, int32_t depth)
{
    int32_t sizes[4] = {batch, heads, rows, depth};
    uint32_t id = one_node_input(one, by_rows(tensor_of(PRT_F32, rank, sizes + 4 - rank)));
    one_node_fill(one, id, -2, 2);
    return id;
}

static uint32_t random_mask(struct one_node *one, unsigned rank, const int32_t *sizes)
{
    if (random_between(0, 1))
        return PRT_NO_VALUE;
    if (random_between(0, 1))
        sizes += rank - 2, rank = 2;
    uint32_t mask = one_node_input(one, tensor_of(PRT_F32, rank, sizes));
    one_node_fill(one, mask, -3, 3);
    const struct prt_tensor spec = *one_node_spec(one, mask);
    int32_t index[PRT_MAX_RANK] = {0};
    do { /* some keys are hidden, and all of them from the rows divisible by five */
        if (random_between(0, 3) == 0 || index[rank - 2] % 5 == 0)
            one_node_set(one, mask, index, -INFINITY);
    } while (next_index(&spec, index));
    return mask;
}

static void attention_case(int32_t rows, int32_t keys, int32_t depth, int32_t width)
{
    struct one_node one = one_node_begin();
    unsigned rank = (unsigned)random_between(3, 4);
    int32_t batch = rank == 4 ? random_between(1, 2) : 1, kept = random_between(1, 2),
            heads = kept * random_between(1, 2);
    struct operands o = {.q = operand(&one, rank, batch, heads, rows, depth),
                         .k = operand(&one, rank, batch, kept, keys, depth),
                         .v = operand(&one, rank, batch, kept, keys, width)};
    int32_t sizes[4] = {batch, heads, rows, keys}, result[4] = {batch, heads, rows, width};
    o.mask = random_mask(&one, rank, sizes + 4 - rank);
    NODE(&one, PRT_OP_ATTENTION, by_rows(tensor_of(PRT_F32, rank, result + 4 - rank)), o.q, o.k,
         o.v, o.mask)
        ->attrs.attention = (struct prt_attention_attrs){.scale = (float)random_real(0.1, 1),
                                                         .causal = random_between(0, 3) == 0,
                                                         .safe = random_between(0, 1)};
    one_node_run_near(&one, attended, &o, 5e-6);
    one_node_end(&one);
}

/* Rows somewhere among the keys of a cache; what lies behind them there is not to be looked at. */
static void cached_case(int32_t rows, int32_t start, int32_t keys, enum prt_dtype dtype)
{
    struct one_node one = one_node_begin();
    struct operands o = {.q = operand(&one, 3, 1, 4, rows, 8),
                         .k = operand(&one, 3, 1, 2, keys, 8),
                         .v = operand(&one, 3, 1, 2, keys, 16),
                         .mask = PRT_NO_VALUE};
    bool causal = random_between(0, 1), fixed = dtype == PRT_BOOL;
    uint32_t at;
    if (fixed) {
        at = one_node_int(&one, start);
    } else {
        at = one_node_input(&one, random_between(0, 1) ? TENSOR(dtype, 1) : tensor_scalar(dtype));
        one_node_set(&one, at, (int32_t[]){0}, start);
    }
    int32_t index[3] = {0};
    const struct prt_tensor values = *one_node_spec(&one, o.v);
    do {
        if (index[1] >= start + rows)
            one_node_set(&one, o.v, index, NAN);
    } while (next_index(&values, index));
    o.seen = causal ? start + 1 : start + rows;
    NODE(&one, PRT_OP_ATTENTION, by_rows(TENSOR(PRT_F32, 4, rows, 16)), o.q, o.k, o.v, o.mask, at)
        ->attrs.attention = (struct prt_attention_attrs){.scale = 0.5f, .causal = causal};
    one_node_run_near(&one, attended, &o, 5e-6);
    one_node_end(&one);
}

START_TEST(rows_see_what_a_cache_has_up_to_them)
{
    random_seed(93);
    for (int round = 0; round < 20; round++) {
        int32_t rows = random_between(1, 9), start = random_between(0, 300);
        cached_case(rows, start, start + rows + random_between(0, 100), PRT_I64);
    }
    cached_case(100, 0, 250, PRT_I32);
    cached_case(7, 3, 10, PRT_BOOL);
}
END_TEST

START_TEST(rows_outside_of_a_cache_end_the_run)
{
    static const int64_t starts[] = {-1, 6, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct one_node one = one_node_begin();
        uint32_t q = one_node_input(&one, TENSOR(PRT_F32, 1, 3, 2));
        uint32_t k = one_node_input(&one, TENSOR(PRT_F32, 1, 8, 2));
        uint32_t at = one_node_input(&one, TENSOR(PRT_I64, 1));
        memcpy(one.data[at], &starts[i], sizeof starts[i]);
        NODE(&one, PRT_OP_ATTENTION, TENSOR(PRT_F32, 1, 3, 2), q, k, k, PRT_NO_VALUE, at)
            ->attrs.attention = (struct prt_attention_attrs){.scale = 1, .causal = true};
        char message[96];
        snprintf(message, sizeof message, "attention: index %lld is outside of a dimension of 6",
                 (long long)starts[i]);
        one_node_run_fails(&one, message);
        one_node_end(&one);
    }
}
END_TEST

START_TEST(attention_matches_its_definition)
{
    random_seed(90);
    for (int round = 0; round < 40; round++)
        attention_case(random_between(1, 20), random_between(1, 20), random_between(1, 20),
                       random_between(1, 20));
}
END_TEST

/* More rows than a job has, more keys than a block. */
START_TEST(blocks_of_rows_and_keys_make_one_softmax)
{
    random_seed(91);
    attention_case(98, 242, 3, 2);
    attention_case(1, 490, 9, 17);
    attention_case(1, 300, 70, 130);
    attention_case(193, 3, 2, 9);
}
END_TEST

START_TEST(scores_of_any_size_have_a_softmax)
{
    struct one_node one = one_node_begin();
    struct operands o = {.q = one_node_input(&one, TENSOR(PRT_F32, 1, 4, 8)),
                         .k = one_node_input(&one, TENSOR(PRT_F32, 1, 300, 8)),
                         .v = one_node_input(&one, TENSOR(PRT_F32, 1, 300, 8)),
                         .mask = PRT_NO_VALUE};
    random_seed(92);
    one_node_fill(&one, o.q, -100, 100);
    one_node_fill(&one, o.k, -100, 100);
    one_node_fill(&one, o.v, -1, 1);
    NODE(&one, PRT_OP_ATTENTION, TENSOR(PRT_F32, 1, 4, 8), o.q, o.k, o.v, o.mask)->attrs.attention =
        (struct prt_attention_attrs){.scale = 1};
    one_node_run_near(&one, attended, &o, 1e-2);
    one_node_end(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu attention");
    TCase *tests = tcase_create("cpu attention");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, attention_matches_its_definition);
    tcase_add_test(tests, blocks_of_rows_and_keys_make_one_softmax);
    tcase_add_test(tests, rows_see_what_a_cache_has_up_to_them);
    tcase_add_test(tests, rows_outside_of_a_cache_end_the_run);
    tcase_add_test(tests, scores_of_any_size_have_a_softmax);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
