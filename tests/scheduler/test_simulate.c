/* What the policy promises must hold for deployments that nobody thought of: thousands of random
 * ones, by seed. */
#include "suite.h"

#include "scheduler/simulate.h"

#include "base/clock.h"

#include <string.h>

#define MS   BASE_NS_PER_MS
#define MANY 12

/* ---- random deployments ---- */

static uint64_t state;

static double uniform(double least, double most)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return least + (most - least) * ((double)(state >> 11) * 0x1p-53);
}

static size_t make_tasks(struct sched_sim_task *tasks, double load, unsigned steps)
{
    size_t count = (size_t)uniform(2, MANY + 0.999);
    double shares[MANY], sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += shares[i] = uniform(0.05, 1);
    for (size_t i = 0; i < count; i++) {
        int64_t period = (int64_t)(uniform(5, 100) * (double)MS);
        double own = load * shares[i] / sum;
        tasks[i] = (struct sched_sim_task){
            .declared = true,
            .offset_ns = (int64_t)(uniform(0, 1) < 0.5 ? 0 : uniform(0, (double)period)),
            .config = {.name = "task",
                       .priority = (enum sched_priority)uniform(0, 2.999),
                       .period_ns = period,
                       .deadline_ns = (int64_t)((double)period * uniform(0.4, 1.3)),
                       .step_count = steps,
                       .steps = {{.rate = 1}, {.rate = 0.5}, {.rate = 0.2}, {.rate = 0}}},
        };
        for (unsigned step = 0; step < steps; step++)
            tasks[i].config.steps[step].cost_ns[0] = (int64_t)(own * (double)period);
    }
    return count;
}

static struct sched_sim_settings make_settings(unsigned slots, unsigned width, uint64_t seed)
{
    return (struct sched_sim_settings){
        .policy = {.lane_count = 1, .lanes = {{"cpu", slots, width}}, .share = 0.05},
        .segment_ns = {MS},
        .least = 0.3,
        .length_ns = BASE_NS_PER_S,
        .seed = seed,
    };
}

/* ---- promises ---- */

/* 2000 sets on one slot, then on two to four 1000 of jobs that have one and 2000 of jobs that may
 * have more, from a third of a lane to three. */
START_TEST(nobody_who_is_admitted_misses_a_deadline)
{
    struct sched_sim_task tasks[MANY];
    struct sched_sim_result results[MANY];
    unsigned admitted = 0, dismissed = 0;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        state = seed * 7919 + 1;
        unsigned slots = seed < 2000 ? 1 : 2 + (unsigned)seed % 3;
        unsigned width = seed < 3000 ? 1 : seed < 4500 ? slots : 2;
        struct sched_sim_settings settings = make_settings(slots, width, seed);
        settings.least = seed % 2 ? 1 : 0.3;
        settings.jitter = seed % 3 ? 0 : 0.5;
        size_t count = make_tasks(tasks, uniform(0.3, 3) * slots, 1);
        ck_assert_int_eq(sched_simulate(&settings, tasks, count, results, NULL, NULL), PERCEPT_OK);
        for (size_t i = 0; i < count; i++) {
            const struct sched_task_view *view = &results[i].view;
            admitted += view->admitted;
            dismissed += !view->admitted;
            if (view->admitted && (view->missed || results[i].dropped))
                ck_abort_msg("seed %llu, task %zu: %llu of %llu missed", (unsigned long long)seed,
                             i, (unsigned long long)view->missed, (unsigned long long)view->frames);
        }
    }
    /* The test is not so strict as to promise nothing. */
    ck_assert_uint_gt(admitted, 3000);
    ck_assert_uint_gt(dismissed, 3000);
}
END_TEST

START_TEST(ladders_settle)
{
    struct sched_sim_task tasks[MANY];
    struct sched_sim_result results[MANY];
    unsigned moved = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        state = seed * 104729 + 3;
        struct sched_sim_settings settings = make_settings(1, 1, seed);
        settings.length_ns = 60 * BASE_NS_PER_S;
        settings.segment_ns[0] = 4 * MS;
        settings.least = 0.8;
        size_t count = make_tasks(tasks, uniform(0.5, 3), 4);
        ck_assert_int_eq(sched_simulate(&settings, tasks, count, results, NULL, NULL), PERCEPT_OK);
        for (size_t i = 0; i < count; i++) {
            /* Down at most 3, then tries that double their pause: 2, 4, ... seconds. */
            if (results[i].steps > 3 + 2 * 3 * 6)
                ck_abort_msg("seed %llu, task %zu: %u steps", (unsigned long long)seed, i,
                             results[i].steps);
            moved += results[i].steps > 0;
        }
    }
    ck_assert_uint_gt(moved, 100);
}
END_TEST

/* Costs are declared: from the first frame on nobody takes on more than there is, on average, and
 * of whom there is room for nobody is walked down. */
START_TEST(ladders_are_walked_before_deadlines_are_missed)
{
    struct sched_sim_task tasks[MANY];
    struct sched_sim_result results[MANY];
    unsigned walked = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        state = seed * 6700417 + 11;
        unsigned slots = 1 + (unsigned)seed % 3;
        struct sched_sim_settings settings = make_settings(slots, slots, seed);
        settings.length_ns = 0;
        size_t count = make_tasks(tasks, uniform(0.5, 3) * slots, 4);
        double load = 0, whole = 0;
        ck_assert_int_eq(sched_simulate(&settings, tasks, count, results, NULL, NULL), PERCEPT_OK);
        for (size_t i = 0; i < count; i++) {
            load += results[i].view.load;
            whole += (double)tasks[i].config.steps[0].cost_ns[0] /
                     (double)tasks[i].config.period_ns / slots;
        }
        for (size_t i = 0; i < count && whole <= 1; i++)
            ck_assert_uint_eq(results[i].view.step, 0);
        ck_assert_double_le(load, 1);
        walked += whole > 1;
    }
    ck_assert_uint_gt(walked, 150);
}
END_TEST

/* Twice what there is, no ladders: everybody gets on, also whose frames are past their deadlines
 * before it is their turn; and where none is (nobody has a deadline), the lane is never idle. */
START_TEST(under_twice_the_load_nobody_starves)
{
    struct sched_sim_task tasks[MANY];
    struct sched_sim_result results[MANY];
    struct sched_lane_view lane;
    for (uint64_t seed = 0; seed < 200; seed++) {
        state = seed * 15485863 + 7;
        struct sched_sim_settings settings = make_settings(1, 1, seed);
        settings.length_ns = 40 * BASE_NS_PER_S;
        settings.segment_ns[0] = 2 * MS;
        settings.policy.segment_ns = 2 * MS;
        settings.least = 1;
        size_t count = make_tasks(tasks, 2, 1);
        for (size_t i = 0; i < count && seed % 2; i++)
            tasks[i].config.deadline_ns = 0;
        ck_assert_int_eq(sched_simulate(&settings, tasks, count, results, &lane, NULL), PERCEPT_OK);
        if (seed % 2)
            ck_assert_int_gt(lane.busy_ns, settings.length_ns / 100 * 98);
        for (size_t i = 0; i < count; i++)
            if (results[i].view.done == 0)
                ck_abort_msg("seed %llu, task %zu of %zu: cost %.1f ms, nothing done, %llu boosts",
                             (unsigned long long)seed, i, count,
                             (double)tasks[i].config.steps[0].cost_ns[0] / MS,
                             (unsigned long long)results[i].view.boosts);
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_same_result)
{
    struct sched_sim_task tasks[MANY];
    struct sched_sim_result one[MANY], two[MANY];
    struct sched_sim_settings settings = make_settings(2, 2, 42);
    memset(one, 0, sizeof one);
    memset(two, 0, sizeof two);
    state = 42;
    size_t count = make_tasks(tasks, 3, 4);
    settings.jitter = 0.2;
    ck_assert_int_eq(sched_simulate(&settings, tasks, count, one, NULL, NULL), PERCEPT_OK);
    ck_assert_int_eq(sched_simulate(&settings, tasks, count, two, NULL, NULL), PERCEPT_OK);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(one[i].view.done, two[i].view.done);
        ck_assert_uint_eq(one[i].view.missed, two[i].view.missed);
        ck_assert_int_eq(one[i].latency_mean_ns, two[i].latency_mean_ns);
    }
}
END_TEST

/* A job that needs two processors is on one at a time, and others use the one that it is not on. */
START_TEST(processors_work_side_by_side)
{
    struct sched_sim_settings settings = make_settings(1, 1, 1);
    settings.policy.lane_count = 2;
    settings.policy.lanes[1] = (struct sched_lane){"npu", 1, 1};
    settings.least = 1;
    struct sched_sim_task tasks[2];
    for (size_t i = 0; i < 2; i++)
        tasks[i] = (struct sched_sim_task){
            .declared = true,
            .config = {.name = "t",
                       .priority = SCHED_NORMAL,
                       .period_ns = 20 * MS,
                       .deadline_ns = 20 * MS,
                       .step_count = 1,
                       .steps = {{.rate = 1, .cost_ns = {6 * MS, 6 * MS}}}}};
    struct sched_sim_result results[2];
    struct sched_lane_view lanes[2];
    ck_assert_int_eq(sched_simulate(&settings, tasks, 2, results, lanes, NULL), PERCEPT_OK);
    ck_assert_int_eq(results[0].latency_most_ns, 12 * MS);
    ck_assert_int_eq(results[1].latency_most_ns, 18 * MS); /* not 24 */
    ck_assert_uint_eq(results[0].view.missed + results[1].view.missed, 0);
    ck_assert_int_ge(lanes[0].busy_ns, 600 * MS);
    ck_assert_int_eq(lanes[0].busy_ns - lanes[1].busy_ns < 24 * MS, true);
}
END_TEST

/* ---- what was recorded ---- */

static struct sched_sim_task recorded(enum sched_priority priority,
                                      const struct sched_sim_frame *frames, size_t count)
{
    return (struct sched_sim_task){.declared = true,
                                   .frames = frames,
                                   .frame_count = count,
                                   .config = {.name = "t",
                                              .priority = priority,
                                              .period_ns = 100 * MS,
                                              .deadline_ns = 100 * MS,
                                              .step_count = 1,
                                              .steps = {{.rate = 1}}}};
}

/* The important one keeps its slot from piece to piece, and gets the other's at the end of a piece;
 * time elsewhere is nobody's slot; a frame that was never begun costs what the one before it did.
 */
START_TEST(what_was_recorded_comes_again_piece_by_piece)
{
    static const struct sched_sim_piece two[] = {{0, 2 * MS}, {-1, 2 * MS}},
                                        away[] = {{MS, MS}, {5 * MS, MS}},
                                        three[] = {{0, 3 * MS}, {-1, 3 * MS}};
    const struct sched_sim_frame high[] = {{MS, 0, two, 2}, {201 * MS, 201 * MS, two, 2}};
    const struct sched_sim_frame low[] = {
        {2 * MS, 2 * MS, away, 2}, {100 * MS, 100 * MS, NULL, 0}, {200 * MS, 200 * MS, three, 2}};
    struct sched_sim_settings settings = make_settings(1, 1, 1);
    settings.least = 1;
    settings.segment_ns[0] = MS / 2; /* pieces are what they were */
    struct sched_sim_task tasks[] = {recorded(SCHED_HIGH, high, 2), recorded(SCHED_LOW, low, 3)};
    struct sched_sim_result results[2];
    ck_assert_int_eq(sched_simulate(&settings, tasks, 2, results, NULL, NULL), PERCEPT_OK);
    ck_assert_uint_eq(results[0].view.done, 2);
    ck_assert_uint_eq(results[1].view.done, 3);
    /* 1 to 5, captured at 0; then it waits for the other's piece, 203 to 207. */
    ck_assert_int_eq(results[0].latency_mean_ns, (5 + 6) * MS / 2);
    /* 5 to 6, away to 11, to 12; 101 to 102, 107 to 108; 200 to 203, 207 to 210. */
    ck_assert_int_eq(results[1].latency_mean_ns, (10 + 8 + 10) * MS / 3);
    ck_assert_uint_eq(results[1].view.segments, 6);
}
END_TEST

START_TEST(a_recorded_frame_is_late_at_its_turn_as_it_was)
{
    static const struct sched_sim_piece long_one[] = {{0, 150 * MS}}, short_one[] = {{0, MS}};
    const struct sched_sim_frame high[] = {{0, 0, long_one, 1}};
    const struct sched_sim_frame low[] = {{MS, MS, short_one, 1},
                                          {140 * MS, 140 * MS, short_one, 1}};
    struct sched_sim_settings settings = make_settings(1, 1, 1);
    struct sched_sim_task tasks[] = {recorded(SCHED_HIGH, high, 1), recorded(SCHED_LOW, low, 2)};
    struct sched_sim_result results[2];
    ck_assert_int_eq(sched_simulate(&settings, tasks, 2, results, NULL, NULL), PERCEPT_OK);
    ck_assert_uint_eq(results[1].dropped, 1);
    ck_assert_uint_eq(results[1].view.done, 1);
    ck_assert_int_eq(results[1].latency_most_ns, 11 * MS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("simulate");
    TCase *tests = tcase_create("simulate");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, nobody_who_is_admitted_misses_a_deadline);
    tcase_add_test(tests, ladders_settle);
    tcase_add_test(tests, ladders_are_walked_before_deadlines_are_missed);
    tcase_add_test(tests, under_twice_the_load_nobody_starves);
    tcase_add_test(tests, the_same_seed_gives_the_same_result);
    tcase_add_test(tests, processors_work_side_by_side);
    tcase_add_test(tests, what_was_recorded_comes_again_piece_by_piece);
    tcase_add_test(tests, a_recorded_frame_is_late_at_its_turn_as_it_was);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
