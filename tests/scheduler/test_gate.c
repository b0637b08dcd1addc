/* The gate with threads: slots are never shared, better ones go first, who hangs stops nobody. */
#include "suite.h"

#include "scheduler/gate.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define WORKERS 8
#define MS      BASE_NS_PER_MS
#define GRACE   (3000 * MS) /* long beside what this thread may stand still between two steps */

static struct sched_gate *gate;
static atomic_int revoked_count;

static void on_revoked(void *context, const char *task)
{
    (void)context;
    ck_assert_str_eq(task, "t");
    atomic_fetch_add(&revoked_count, 1);
}

static void open_gate(unsigned slots, int64_t grace_ns)
{
    const struct sched_gate_options options = {
        .settings = {.lane_count = 1, .lanes = {{"cpu", slots}}, .share = 0.05},
        .grace_ns = grace_ns,
        .revoked = on_revoked,
    };
    atomic_store(&revoked_count, 0);
    ck_assert_int_eq(sched_gate_create(&options, &gate, NULL), PERCEPT_OK);
}

static void teardown(void)
{
    sched_gate_destroy(gate);
    gate = NULL;
}

static int add(enum sched_priority priority)
{
    const struct sched_task config = {.name = "t",
                                      .priority = priority,
                                      .period_ns = 10 * MS,
                                      .step_count = 1,
                                      .steps = {{.rate = 1}}};
    int task = -1;
    ck_assert_int_eq(sched_gate_add(gate, &config, &task, NULL), PERCEPT_OK);
    return task;
}

static struct sched_task_view look(int task)
{
    struct sched_task_view view;
    sched_gate_look(gate, task, &view);
    return view;
}

static unsigned waiting(void)
{
    struct sched_lane_view view;
    sched_gate_look_lane(gate, 0, &view);
    return view.waiting;
}

/* Until so many wait for the lane; the test's own timeout is the limit. */
static void await_waiting(unsigned count)
{
    while (waiting() != count)
        base_clock_sleep_until(base_clock_ns() + MS / 4);
}

/* ---- slots ---- */

static struct {
    atomic_int inside, most;
    int shared; /* plain: with one slot the gate orders it, which ThreadSanitizer checks */
    bool alone;
} room;

static void enter_room(void)
{
    int inside = atomic_fetch_add(&room.inside, 1) + 1, most = atomic_load(&room.most);
    while (inside > most && !atomic_compare_exchange_weak(&room.most, &most, inside))
        ;
    if (room.alone)
        room.shared++;
}

static void *work(void *argument)
{
    int task = *(int *)argument;
    for (int frame = 0; frame < 50; frame++) {
        sched_gate_frame(gate, task);
        sched_gate_enter(gate, task, 0, base_clock_ns());
        for (int segment = 0; segment < 4; segment++) {
            enter_room();
            atomic_fetch_sub(&room.inside, 1);
            sched_gate_yield(gate, task);
        }
        sched_gate_leave(gate, task);
        sched_gate_done(gate, task, true);
    }
    return NULL;
}

static void run_workers(unsigned slots)
{
    pthread_t threads[WORKERS];
    int tasks[WORKERS];
    open_gate(slots, 60000 * MS);
    room.alone = slots == 1;
    for (int i = 0; i < WORKERS; i++)
        tasks[i] = add((enum sched_priority)(i % 3));
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &tasks[i]), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WORKERS; i++) {
        struct sched_task_view view = look(tasks[i]);
        ck_assert_uint_eq(view.done, 50);
        ck_assert_uint_eq(view.segments, 50 * 5);
        ck_assert_uint_eq(view.revoked, 0);
    }
    ck_assert_int_le(room.most, (int)slots);
    ck_assert_uint_eq(waiting(), 0);
}

START_TEST(one_slot_is_for_one_thread)
{
    run_workers(1);
    ck_assert_int_eq(room.shared, WORKERS * 50 * 4);
}
END_TEST

START_TEST(slots_are_for_so_many_threads)
{
    run_workers(3);
}
END_TEST

/* ---- order ---- */

struct caller {
    int task;
    atomic_int *order;
    int place;
};

static void *call(void *argument)
{
    struct caller *c = argument;
    sched_gate_enter(gate, c->task, 0, base_clock_ns());
    c->place = atomic_fetch_add(c->order, 1);
    sched_gate_leave(gate, c->task);
    sched_gate_done(gate, c->task, true);
    return NULL;
}

START_TEST(a_yield_lets_the_better_go_first)
{
    atomic_int order = 0;
    pthread_t threads[2];
    open_gate(1, 60000 * MS);
    int mine = add(SCHED_NORMAL);
    struct caller callers[2] = {{add(SCHED_LOW), &order, -1}, {add(SCHED_HIGH), &order, -1}};
    sched_gate_enter(gate, mine, 0, base_clock_ns());
    sched_gate_yield(gate, mine); /* nobody there */
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    await_waiting(2);
    sched_gate_yield(gate, mine);
    ck_assert_int_eq(callers[1].place, 0); /* the high one has been, the low one has not */
    ck_assert_int_eq(atomic_load(&order), 1);
    sched_gate_leave(gate, mine);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(callers[0].place, 1);
}
END_TEST

/* ---- a thread that hangs ---- */

START_TEST(who_hangs_loses_its_slot_and_comes_back)
{
    atomic_int order = 0;
    pthread_t thread;
    open_gate(1, GRACE);
    int hung = add(SCHED_HIGH);
    struct caller other = {add(SCHED_LOW), &order, -1};
    sched_gate_enter(gate, hung, 0, base_clock_ns());
    ck_assert_int_eq(pthread_create(&thread, NULL, call, &other), 0);
    pthread_join(thread, NULL); /* it got on, though we did not leave */
    ck_assert_int_eq(other.place, 0);
    ck_assert_int_eq(atomic_load(&revoked_count), 1);
    ck_assert_uint_eq(look(hung).revoked, 1);
    sched_gate_yield(gate, hung);
    sched_gate_leave(gate, hung);
    sched_gate_done(gate, hung, true);
    /* All as before: the slot is there once. */
    sched_gate_enter(gate, hung, 0, base_clock_ns());
    ck_assert_int_eq(pthread_create(&thread, NULL, call, &other), 0);
    await_waiting(1);
    sched_gate_leave(gate, hung);
    pthread_join(thread, NULL);
    ck_assert_int_eq(other.place, 1);
}
END_TEST

START_TEST(one_that_lost_its_slot_waits_at_its_next_yield)
{
    atomic_int order = 0;
    pthread_t thread;
    open_gate(1, GRACE);
    int hung = add(SCHED_LOW), next = add(SCHED_HIGH);
    sched_gate_enter(gate, hung, 0, base_clock_ns());
    sched_gate_enter(gate, next, 0, base_clock_ns()); /* after the grace time */
    ck_assert_uint_eq(look(hung).revoked, 1);
    struct sched_lane_view lane;
    sched_gate_look_lane(gate, 0, &lane);
    ck_assert_uint_eq(lane.running, 1);
    struct caller third = {add(SCHED_HIGH), &order, -1};
    ck_assert_int_eq(pthread_create(&thread, NULL, call, &third), 0);
    await_waiting(1);
    sched_gate_leave(gate, hung); /* had none to give */
    sched_gate_look_lane(gate, 0, &lane);
    ck_assert_uint_eq(lane.running, 1);
    ck_assert_int_eq(atomic_load(&order), 0);
    sched_gate_leave(gate, next);
    pthread_join(thread, NULL);
    sched_gate_look_lane(gate, 0, &lane);
    ck_assert_uint_eq(lane.running + lane.waiting, 0);
}
END_TEST

static void *yield_once(void *task)
{
    sched_gate_yield(gate, *(int *)task);
    return NULL;
}

START_TEST(one_that_lost_its_slot_waits_also_when_nobody_else_does)
{
    pthread_t thread;
    struct sched_lane_view lane;
    open_gate(1, GRACE);
    int hung = add(SCHED_LOW), next = add(SCHED_HIGH);
    sched_gate_enter(gate, hung, 0, base_clock_ns());
    sched_gate_enter(gate, next, 0, base_clock_ns()); /* after the grace time */
    ck_assert_int_eq(pthread_create(&thread, NULL, yield_once, &hung), 0);
    await_waiting(1);
    sched_gate_leave(gate, next);
    pthread_join(thread, NULL);
    sched_gate_look_lane(gate, 0, &lane);
    ck_assert_uint_eq(lane.running, 1);
    sched_gate_leave(gate, hung);
    sched_gate_look_lane(gate, 0, &lane);
    ck_assert_uint_eq(lane.running + lane.waiting, 0);
}
END_TEST

/* ---- a pool's workers ---- */

static void compute(int64_t ns)
{
    int64_t end_ns = base_clock_thread_ns() + ns;
    while (base_clock_thread_ns() < end_ns)
        ;
}

/* The caller sleeps, so that workers come to something even on one core. They compute. */
static void nap(void *context, size_t task, unsigned worker)
{
    const struct timespec pause = {.tv_nsec = 200000};
    (void)task;
    if (worker)
        compute(MS / 10);
    else
        nanosleep(&pause, NULL);
    atomic_fetch_or((atomic_uint *)context, 1u << worker);
}

static bool is_helped(struct base_pool *pool)
{
    atomic_uint workers = 0;
    base_pool_run(pool, 50, nap, &workers);
    return workers > 1;
}

/* Alone it has the other core, too; beside another one, once costs say that it has time, not. */
START_TEST(workers_have_the_cores_that_no_task_has)
{
    struct base_pool *pool = NULL;
    pthread_t thread;
    atomic_int order = 0;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    const struct sched_gate_options options = {
        .settings = {.lane_count = 1, .lanes = {{"cpu", 2, 2}}}, .pools = {pool}};
    ck_assert_int_eq(sched_gate_create(&options, &gate, NULL), PERCEPT_OK);
    struct sched_task config = {.name = "a",
                                .period_ns = 60000 * MS,
                                .step_count = 1,
                                .steps = {{.rate = 1, .cost_ns = {MS}}}};
    int first = -1, second = -1;
    ck_assert_int_eq(sched_gate_add(gate, &config, &first, NULL), PERCEPT_OK);
    ck_assert_int_eq(sched_gate_add(gate, &config, &second, NULL), PERCEPT_OK);
    sched_gate_enter(gate, first, 0, base_clock_ns());
    while (!is_helped(pool)) /* a worker that is slow to wake */
        ;
    sched_gate_enter(gate, second, 0, base_clock_ns());
    ck_assert(!is_helped(pool));
    sched_gate_leave(gate, second);
    while (!is_helped(pool))
        ;
    sched_gate_leave(gate, first);
    sched_gate_done(gate, first, true);
    ck_assert_int_gt(base_pool_helped_ns(), 0);
    ck_assert_int_gt(look(first).cost_ns, base_pool_helped_ns()); /* what workers did counts */
    /* One that hurries takes both, and the next waits for a slot though one is free. */
    config.steps[0].cost_ns[0] = config.period_ns;
    int tight = -1;
    ck_assert_int_eq(sched_gate_add(gate, &config, &tight, NULL), PERCEPT_OK);
    sched_gate_enter(gate, tight, 0, base_clock_ns() - 30000 * MS);
    struct caller other = {second, &order, -1};
    ck_assert_int_eq(pthread_create(&thread, NULL, call, &other), 0);
    await_waiting(1);
    while (!is_helped(pool))
        ;
    ck_assert_int_eq(other.place, -1);
    sched_gate_leave(gate, tight);
    pthread_join(thread, NULL);
    teardown();
    while (!is_helped(pool)) /* as before there was a gate */
        ;
    base_pool_destroy(pool);
}
END_TEST

START_TEST(what_is_computed_is_measured)
{
    open_gate(1, 60000 * MS);
    int task = add(SCHED_NORMAL);
    sched_gate_enter(gate, task, 0, base_clock_ns());
    for (int segment = 0; segment < 2; segment++) {
        compute(3 * MS);
        sched_gate_yield(gate, task);
    }
    sched_gate_leave(gate, task);
    sched_gate_done(gate, task, true);
    struct sched_task_view view = look(task);
    ck_assert_int_ge(view.cost_ns, 6 * MS);
    ck_assert_int_ge(view.longest_ns, 3 * MS);
    ck_assert_int_lt(view.longest_ns, view.cost_ns);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tests = tcase_create("gate");
    tcase_set_timeout(tests, 100);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, one_slot_is_for_one_thread);
    tcase_add_test(tests, slots_are_for_so_many_threads);
    tcase_add_test(tests, a_yield_lets_the_better_go_first);
    tcase_add_test(tests, who_hangs_loses_its_slot_and_comes_back);
    tcase_add_test(tests, one_that_lost_its_slot_waits_at_its_next_yield);
    tcase_add_test(tests, one_that_lost_its_slot_waits_also_when_nobody_else_does);
    tcase_add_test(tests, workers_have_the_cores_that_no_task_has);
    tcase_add_test(tests, what_is_computed_is_measured);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
