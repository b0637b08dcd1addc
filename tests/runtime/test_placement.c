/*
 * Backends of known cost: they compute with the CPU's kernels, and a clock made here goes on by
 * what each node and each segment is said to cost. So what is chosen can be told beforehand.
 */
#include "build.h"
#include "pte.h"
#include "run.h"

#include "backends/cpu/cpu.h"
#include "base/clock.h"
#include "runtime/placement/propose.h"
#include "runtime/prt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOST, GPU, DSP, BACKENDS, NODES = 6, TEXT = 128 };

struct prt_segment {
    struct prt_segment *cpu;
    unsigned backend;
    const uint32_t *nodes;
    uint32_t count;
};

static int64_t now_ns; /* CLOCK_MONOTONIC of this process */
static struct prt_backend fakes[BACKENDS];
static int64_t node_us[BACKENDS][NODES], segment_us[BACKENDS]; /* 0 for a node: it is refused */
static unsigned runs[BACKENDS];
static bool fails_to_compile[BACKENDS], fails_to_run[BACKENDS];
static char codes[BACKENDS][8];

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, time);
    *time = (struct timespec){now_ns / BASE_NS_PER_S, now_ns % BASE_NS_PER_S};
    return 0;
}

/* ---- the backends ---- */

static const char *absent(void)
{
    return NULL;
}

static size_t scratch_bytes(const struct prt_segment *segment)
{
    return prt_cpu_backend.scratch_bytes(segment->cpu);
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    struct prt_execution plain = *execution;
    plain.times = NULL;
    runs[segment->backend]++;
    if (fails_to_run[segment->backend])
        return percept_fail(error, PERCEPT_DISCONNECTED, "it is on fire");
    now_ns += segment_us[segment->backend] * 1000;
    for (uint32_t i = 0; i < segment->count; i++) {
        int64_t start = now_ns;
        now_ns += node_us[segment->backend][segment->nodes[i]] * 1000;
        if (execution->times)
            execution->times[i] = (struct prt_step_time){start, now_ns, "fake"};
    }
    return prt_cpu_backend.execute(segment->cpu, &plain, error);
}

static void destroy(struct prt_segment *segment)
{
    if (segment)
        prt_cpu_backend.destroy(segment->cpu);
    free(segment);
}

static enum percept_status compile(unsigned backend, const struct prt_compile *compile,
                                   struct prt_segment **segment, struct percept_error *error)
{
    if (fails_to_compile[backend])
        return percept_fail(error, PERCEPT_LIMIT, "it has no room");
    struct prt_segment *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    *made = (struct prt_segment){
        .backend = backend, .nodes = compile->nodes, .count = compile->node_count};
    ck_assert_int_eq(prt_cpu_backend.compile(compile, &made->cpu, error), PERCEPT_OK);
    *segment = made;
    return PERCEPT_OK;
}

#define FAKE(which)                                                                                \
    static bool supports_##which(const struct prt_graph *graph, const struct prt_node *node)       \
    {                                                                                              \
        size_t index = (size_t)(node - graph->nodes);                                              \
        return index < NODES && node_us[which][index];                                             \
    }                                                                                              \
    static enum percept_status compile_##which(                                                    \
        const struct prt_compile *what, struct prt_segment **segment, struct percept_error *error) \
    {                                                                                              \
        return compile(which, what, segment, error);                                               \
    }                                                                                              \
    static const char *code_##which(void)                                                          \
    {                                                                                              \
        return codes[which];                                                                       \
    }                                                                                              \
    static const struct prt_backend fake_##which = {.version = PRT_BACKEND_VERSION,                \
                                                    .on_host = which == HOST,                      \
                                                    .absent = absent,                              \
                                                    .supports = supports_##which,                  \
                                                    .compile = compile_##which,                    \
                                                    .scratch_bytes = scratch_bytes,                \
                                                    .execute = execute,                            \
                                                    .destroy = destroy,                            \
                                                    .code = code_##which}

FAKE(HOST);
FAKE(GPU);
FAKE(DSP);

static const struct prt_backend *const two[] = {&fakes[GPU], &fakes[HOST], NULL};
static const struct prt_backend *const three[] = {&fakes[GPU], &fakes[DSP], &fakes[HOST], NULL};

/* ---- a program: a chain of NODES nodes that nothing fuses ---- */

static struct flat file;
static char root[TEXT], path[TEXT], folder[TEXT];

static void setup(void)
{
    static const char *const names[] = {"host", "gpu", "dsp"};
    struct pte pte = {0};
    char args[TEXT] = "f32[1,8] >f32[1,8] =";
    for (int i = 0; i < NODES; i += 2) {
        uint32_t y = pte_call(&pte, "aten::tanh.out", args);
        snprintf(args, sizeof args, "$%u 1 F >f32[1,8] =", y);
        y = pte_call(&pte, "aten::_softmax.out", args);
        snprintf(args, sizeof args, "$%u >f32[1,8] =", y);
    }
    file = pte_write(&pte, false);
    fakes[HOST] = fake_HOST;
    fakes[GPU] = fake_GPU;
    fakes[DSP] = fake_DSP;
    for (int b = 0; b < BACKENDS; b++) {
        fakes[b].name = names[b];
        strcpy(codes[b], "1");
    }
    strcpy(root, "/tmp/percept-place-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(path, sizeof path, "%.80s/net.pte", root);
    snprintf(folder, sizeof folder, "%.80s/cache", root);
    run_write(path, &file);
}

static void teardown(void)
{
    char command[2 * TEXT];
    snprintf(command, sizeof command, "chmod -R u+w %.80s; rm -rf %.80s", root, root);
    ck_assert_int_eq(system(command), 0);
    free(file.bytes);
}

static void set_costs(unsigned backend, int64_t crossing, const int64_t *us)
{
    segment_us[backend] = crossing;
    memcpy(node_us[backend], us, sizeof node_us[backend]);
}

#define COSTS(backend, crossing, ...) set_costs(backend, crossing, (int64_t[NODES]){__VA_ARGS__})

struct made {
    struct prt_program *program;
    struct prt_model *model;
    char where[NODES + 1];                 /* "ggh..." */
    const struct prt_placement *placement; /* or NULL */
};

static struct made make(const struct prt_backend *const *backends, const char *cache)
{
    struct made made = {0};
    struct percept_error error = {0};
    const struct prt_model_options options = {
        .backends = backends, .cache = cache, .measure_ns = PRT_MEASURE_NS};
    memset(runs, 0, sizeof runs);
    ck_assert_int_eq(prt_program_open(path, &made.program, NULL), PERCEPT_OK);
    ck_assert_msg(prt_model_create(made.program, &options, &made.model, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert_str_eq(build_ops(prt_model_graph(made.model)),
                     "unary softmax unary softmax unary softmax");
    for (uint32_t n = 0; n < NODES; n++)
        made.where[n] = prt_model_placement(made.model, n)->name[0];
    made.placement = prt_model_placed(made.model);
    return made;
}

static void destroy_made(struct made *made)
{
    prt_model_destroy(made->model);
    prt_program_close(made->program);
}

/* Where the nodes are; the letters of the backends' names, in a buffer of the next call's. */
static const char *placed(const struct prt_backend *const *backends)
{
    static char where[NODES + 1];
    struct made made = make(backends, NULL);
    memcpy(where, made.where, sizeof where);
    destroy_made(&made);
    return where;
}

static unsigned all_runs(void)
{
    return runs[HOST] + runs[GPU] + runs[DSP];
}

/* ---- what is chosen ---- */

START_TEST(whole_models_go_where_they_are_quickest)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 30, 10, 10, 10, 10, 10, 10);
    ck_assert_str_eq(placed(two), "gggggg");
    COSTS(GPU, 600, 10, 10, 10, 10, 10, 10);
    ck_assert_str_eq(placed(two), "hhhhhh");
}
END_TEST

/* 450 on the host; 415 or 404 with a piece on the GPU. */
START_TEST(a_device_must_win_by_a_tenth)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 5, 100, 100, 100, 100, 60, 100);
    ck_assert_str_eq(placed(two), "hhhhhh");
    COSTS(GPU, 5, 100, 100, 100, 100, 49, 100);
    ck_assert_str_eq(placed(two), "hhhhgh");
}
END_TEST

START_TEST(pieces_go_to_a_device_when_the_crossing_is_worth_it)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 30, 10, 10, 900, 900, 10, 10);
    ck_assert_str_eq(placed(two), "gghhgg");
    COSTS(GPU, 200, 10, 10, 900, 900, 10, 10);
    ck_assert_str_eq(placed(two), "hhhhhh");
}
END_TEST

START_TEST(what_a_device_refuses_is_crossed_over_or_not)
{
    COSTS(HOST, 0, 100, 1, 100, 1, 100, 1);
    COSTS(GPU, 20, 10, 0, 10, 0, 10, 0);
    ck_assert_str_eq(placed(two), "ghghgh");
    COSTS(GPU, 95, 10, 0, 10, 0, 10, 0);
    ck_assert_str_eq(placed(two), "hhhhhh");
    COSTS(GPU, 60, 10, 0, 90, 0, 10, 0);
    ck_assert_str_eq(placed(two), "ghhhgh");
}
END_TEST

START_TEST(two_devices_share_a_model)
{
    COSTS(HOST, 0, 100, 100, 100, 100, 100, 100);
    COSTS(GPU, 10, 10, 10, 95, 90, 90, 90);
    COSTS(DSP, 10, 0, 90, 90, 10, 10, 10);
    ck_assert_str_eq(placed(three), "ggdddd");
}
END_TEST

static int64_t cost_of(const unsigned *homes)
{
    int64_t cost = 0;
    for (unsigned n = 0; n < NODES; n++) {
        if (!node_us[homes[n]][n])
            return INT64_MAX;
        cost +=
            node_us[homes[n]][n] + (n == 0 || homes[n] != homes[n - 1] ? segment_us[homes[n]] : 0);
    }
    return cost;
}

/* Of all 3^6 placements none is better by more than the margin. */
START_TEST(nothing_is_much_better_than_what_is_chosen)
{
    uint32_t state = 7;
    for (int round = 0; round < 40; round++) {
        for (unsigned b = 0; b < BACKENDS; b++)
            for (unsigned n = 0; n < NODES; n++) {
                state = state * 1664525 + 1013904223;
                node_us[b][n] = b != HOST && (state >> 29) == 0 ? 0 : 1 + (state >> 16) % 200;
            }
        segment_us[HOST] = 0;
        segment_us[GPU] = (state >> 8) % 100;
        segment_us[DSP] = (state >> 12) % 60;
        const char *where = placed(three);
        unsigned chosen[NODES], homes[NODES];
        int64_t best = INT64_MAX;
        for (unsigned n = 0; n < NODES; n++)
            chosen[n] = where[n] == 'h' ? HOST : where[n] == 'g' ? GPU : DSP;
        for (unsigned all = 0; all < 729; all++) {
            unsigned rest = all;
            for (unsigned n = 0; n < NODES; n++, rest /= 3)
                homes[n] = rest % 3;
            int64_t cost = cost_of(homes);
            best = cost < best ? cost : best;
        }
        ck_assert_int_le(cost_of(chosen) * 9, best * 10 + 9);
    }
}
END_TEST

START_TEST(a_mixed_model_computes_the_same)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 30, 10, 10, 900, 900, 10, 10);
    struct made made = make(two, NULL);
    struct prt_model *plain = run_model(made.program, NULL);
    struct prt_model *both[] = {made.model, plain};
    for (int m = 0; m < 2; m++) {
        build_fill(prt_model_input_data(both[m], 0), 8, 1);
        run_now(both[m]);
    }
    struct prt_model_stats stats;
    prt_model_stats(made.model, &stats);
    ck_assert_uint_eq(stats.segment_count, 3);
    for (size_t i = 0; i < prt_model_output_count(plain); i++)
        ck_assert_mem_eq(prt_model_output_data(made.model, i), prt_model_output_data(plain, i),
                         8 * sizeof(float));
    prt_model_destroy(plain);
    destroy_made(&made);
}
END_TEST

START_TEST(one_backend_costs_nothing)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    struct made made = make(two + 1, NULL);
    ck_assert_uint_eq(all_runs(), 0);
    ck_assert_ptr_null(made.placement);
    destroy_made(&made);
}
END_TEST

/* ---- what cannot be chosen ---- */

START_TEST(who_cannot_do_it_is_left_out_and_says_why)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 1, 1, 1, 1, 1, 1, 1);
    COSTS(DSP, 1, 1, 1, 1, 1, 1, 1);
    fails_to_compile[GPU] = fails_to_run[DSP] = true;
    struct made made = make(three, NULL);
    ck_assert_str_eq(made.where, "hhhhhh");
    ck_assert_uint_eq(made.placement->trial_count, 4);
    ck_assert_int_eq(made.placement->trials[0].ns, 450001);
    ck_assert_str_eq(made.placement->trials[1].why, "it has no room");
    ck_assert_str_eq(made.placement->trials[2].why, "it is on fire");
    ck_assert_str_eq(made.placement->trials[3].why, "it has no room");
    ck_assert_ptr_null(prt_model_gave_up(made.model));
    destroy_made(&made);
}
END_TEST

START_TEST(a_device_that_runs_none_of_it_is_not_tried)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 1, 0, 0, 0, 0, 0, 0);
    struct made made = make(two, NULL);
    ck_assert_str_eq(made.where, "hhhhhh");
    ck_assert_str_eq(made.placement->trials[1].why, "none of it runs there");
    destroy_made(&made);
}
END_TEST

/* ---- figures ---- */

START_TEST(pieces_have_their_costs)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 30, 10, 10, 900, 0, 10, 10);
    struct made made = make(two, NULL);
    const struct prt_placement *p = made.placement;
    ck_assert_uint_eq(p->piece_count,
                      4); /* nodes 2 and 3 differ in whether the list has a choice */
    ck_assert_uint_eq(p->pieces[1].first, 2);
    ck_assert_uint_eq(p->pieces[1].last, 2);
    ck_assert_int_eq(p->pieces[0].ns[0], 20000); /* names are in the order of the list */
    ck_assert_int_eq(p->pieces[0].crossing_ns[0], 30000);
    ck_assert_int_eq(p->pieces[0].ns[1], 150000);
    ck_assert_int_eq(p->pieces[0].crossing_ns[1], 0);
    ck_assert_int_eq(p->pieces[2].ns[0], 0);
    ck_assert_str_eq(p->pieces[0].ops, "1 unary, 1 softmax");
    ck_assert_str_eq(p->names[p->pieces[0].home], "gpu");
    ck_assert_str_eq(p->names[p->pieces[1].home], "host");
    ck_assert(p->trials[p->chosen].is_mixed);
    ck_assert_int_eq(p->trials[p->chosen].ns, 250001);
    ck_assert_int_eq(p->trials[p->chosen].beside_ns, 60001);
    destroy_made(&made);
}
END_TEST

/* ---- the cache ---- */

START_TEST(what_was_measured_is_not_measured_again)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 30, 10, 10, 900, 900, 10, 10);
    struct made made = make(two, folder);
    ck_assert_uint_gt(all_runs(), 0);
    ck_assert(!made.placement->is_kept);
    destroy_made(&made);
    COSTS(GPU, 30, 900, 900, 10, 10, 10, 10);
    for (int again = 0; again < 2; again++) { /* with its graph made, and from the cache */
        made = make(two, folder);
        ck_assert_uint_eq(all_runs(), 0);
        ck_assert(made.placement->is_kept);
        ck_assert_str_eq(made.where, "gghhgg");
        destroy_made(&made);
    }
    strcpy(codes[GPU], "2");
    made = make(two, folder);
    ck_assert_uint_gt(all_runs(), 0);
    ck_assert_str_eq(made.where, "hhgggg");
    destroy_made(&made);
}
END_TEST

/* The first run on the GPU takes all of the time. */
START_TEST(what_had_no_time_is_measured_by_the_next_model)
{
    COSTS(HOST, 0, 100, 50, 100, 50, 100, 50);
    COSTS(GPU, 3000000, 10, 10, 10, 10, 10, 10);
    COSTS(DSP, 10, 10, 10, 10, 10, 10, 10);
    struct made made = make(three, folder);
    ck_assert_str_eq(made.where, "hhhhhh");
    ck_assert_uint_eq(runs[GPU], 1);
    ck_assert_uint_eq(runs[DSP], 0);
    ck_assert_int_eq(made.placement->trials[2].ns, 0);
    destroy_made(&made);
    made = make(three, folder);
    ck_assert_str_eq(made.where, "dddddd");
    ck_assert_int_gt(made.placement->trials[2].ns, 0);
    destroy_made(&made);
    made = make(three, folder);
    ck_assert_str_eq(made.where, "dddddd");
    ck_assert_uint_eq(all_runs(), 0);
    destroy_made(&made);
}
END_TEST

/* ---- proposals ---- */

START_TEST(a_node_without_backend_has_no_proposal)
{
    const int64_t host[] = {1, PRT_NEVER}, gpu[] = {PRT_NEVER, PRT_NEVER};
    const struct prt_costs costs = {
        .node_count = 2, .backend_count = 2, .ns = {gpu, host}, .crossing_ns = {5, 0}};
    uint8_t homes[2];
    ck_assert(!prt_placement_propose(&costs, homes));
}
END_TEST

START_TEST(what_costs_as_much_stays_on_the_host)
{
    const int64_t host[] = {10, 10}, gpu[] = {2, 2};
    const struct prt_costs costs = {
        .node_count = 2, .backend_count = 2, .ns = {gpu, host}, .crossing_ns = {16, 0}};
    uint8_t homes[2];
    ck_assert(prt_placement_propose(&costs, homes));
    ck_assert_uint_eq(homes[0], 1);
    ck_assert_uint_eq(homes[1], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("placement");
    TCase *tests = tcase_create("placement");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, whole_models_go_where_they_are_quickest);
    tcase_add_test(tests, a_device_must_win_by_a_tenth);
    tcase_add_test(tests, pieces_go_to_a_device_when_the_crossing_is_worth_it);
    tcase_add_test(tests, what_a_device_refuses_is_crossed_over_or_not);
    tcase_add_test(tests, two_devices_share_a_model);
    tcase_add_test(tests, nothing_is_much_better_than_what_is_chosen);
    tcase_add_test(tests, a_mixed_model_computes_the_same);
    tcase_add_test(tests, one_backend_costs_nothing);
    tcase_add_test(tests, who_cannot_do_it_is_left_out_and_says_why);
    tcase_add_test(tests, a_device_that_runs_none_of_it_is_not_tried);
    tcase_add_test(tests, pieces_have_their_costs);
    tcase_add_test(tests, what_was_measured_is_not_measured_again);
    tcase_add_test(tests, what_had_no_time_is_measured_by_the_next_model);
    tcase_add_test(tests, a_node_without_backend_has_no_proposal);
    tcase_add_test(tests, what_costs_as_much_stays_on_the_host);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
