/* What the scheduler decides: who is next, what is promised, who gives way under load. */
#include "suite.h"

#include "scheduler/policy.h"

#include "base/clock.h"

#include <string.h>

#define MS BASE_NS_PER_MS

static struct sched_policy *policy;

static void setup(void)
{
    const struct sched_settings settings = {
        .lane_count = 2, .lanes = {{"cpu", 1}, {"gpu", 1}}, .share = 0.05};
    ck_assert_int_eq(sched_policy_create(&settings, &policy, NULL), PERCEPT_OK);
}

static void teardown(void)
{
    sched_policy_destroy(policy);
}

static int add(const char *name, enum sched_priority priority, int64_t period_ms,
               int64_t deadline_ms, int64_t cost_ms)
{
    const struct sched_task config = {
        .name = name,
        .priority = priority,
        .period_ns = period_ms * MS,
        .deadline_ns = deadline_ms * MS,
        .step_count = 3,
        .steps = {{.rate = 1, .cost_ns = {cost_ms * MS}},
                  {.rate = 0.5, .cost_ns = {cost_ms * MS}},
                  {.rate = 0}},
    };
    int task = -1;
    ck_assert_int_eq(sched_task_add(policy, &config, &task, NULL), PERCEPT_OK);
    return task;
}

static struct sched_task_view look(int task)
{
    struct sched_task_view view;
    sched_task_look(policy, task, &view);
    return view;
}

static void release(int task, bool again, int64_t now)
{
    const struct sched_span span = {MS, MS, 1};
    sched_release(policy, task, &span, again, now);
}

/* ---- order ---- */

START_TEST(priority_goes_before_deadline_and_deadline_before_number)
{
    int low = add("low", SCHED_LOW, 10, 10, 1), late = add("a", SCHED_HIGH, 50, 50, 1),
        soon = add("b", SCHED_HIGH, 20, 20, 1);
    sched_wait(policy, low, 0, 0, 0);
    sched_wait(policy, late, 0, 0, 0);
    sched_wait(policy, soon, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 1), soon);
    ck_assert_int_eq(sched_pick(policy, 0, 1), SCHED_NOBODY); /* one slot */
    release(soon, false, 2);
    ck_assert_int_eq(sched_pick(policy, 0, 2), late);
    release(late, false, 3);
    ck_assert_int_eq(sched_pick(policy, 0, 3), low);
}
END_TEST

START_TEST(lanes_do_not_wait_for_each_other)
{
    int a = add("a", SCHED_LOW, 10, 10, 1), b = add("b", SCHED_HIGH, 10, 10, 1);
    sched_wait(policy, a, 1, 0, 0);
    sched_wait(policy, b, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), b);
    ck_assert_int_eq(sched_pick(policy, 1, 0), a);
    ck_assert(!sched_gives_way(policy, a, 0, 0));
}
END_TEST

START_TEST(a_segment_ends_for_a_better_one_only)
{
    int low = add("low", SCHED_LOW, 10, 10, 1), high = add("high", SCHED_HIGH, 10, 10, 1);
    sched_wait(policy, low, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), low);
    ck_assert(!sched_gives_way(policy, low, 0, MS));
    sched_wait(policy, high, 0, MS, MS);
    ck_assert(sched_gives_way(policy, low, 0, MS));
    release(low, true, MS);
    ck_assert_int_eq(sched_pick(policy, 0, MS), high);
    ck_assert(!sched_gives_way(policy, high, 0, 2 * MS));
}
END_TEST

START_TEST(a_late_job_goes_after_those_that_can_be_in_time)
{
    int late = add("late", SCHED_NORMAL, 10, 10, 1), fine = add("fine", SCHED_NORMAL, 90, 90, 1);
    sched_wait(policy, late, 0, 0, 0);
    sched_wait(policy, fine, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 11 * MS), fine);
}
END_TEST

START_TEST(the_starving_get_a_segment_now_and_then)
{
    int low = add("low", SCHED_LOW, 10, 10, 1), high = add("high", SCHED_HIGH, 10, 10, 1);
    unsigned of_low = 0;
    sched_wait(policy, low, 0, 0, 0);
    sched_wait(policy, high, 0, 0, 0);
    for (int64_t now = 0; now < 10000 * MS; now += MS) {
        int task = sched_pick(policy, 0, now);
        of_low += task == low;
        release(task, true, now + MS);
    }
    ck_assert_uint_ge(of_low, 50); /* one each 100 ms, less a few */
    ck_assert_uint_le(of_low, 100);
    ck_assert_uint_eq(look(low).boosts, of_low);
}
END_TEST

START_TEST(a_revoked_slot_is_free)
{
    int hung = add("hung", SCHED_HIGH, 10, 10, 1), other = add("other", SCHED_LOW, 10, 10, 1);
    sched_wait(policy, hung, 0, 0, 0);
    sched_wait(policy, other, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), hung);
    sched_revoke(policy, hung);
    ck_assert_int_eq(sched_pick(policy, 0, 0), other);
    ck_assert_uint_eq(look(hung).revoked, 1);
}
END_TEST

/* ---- wide lanes ---- */

/* Two slots, each job may use both. */
static void widen(void)
{
    const struct sched_settings settings = {
        .lane_count = 1, .lanes = {{"cpu", 2, 2}}, .share = 0.05};
    sched_policy_destroy(policy);
    ck_assert_int_eq(sched_policy_create(&settings, &policy, NULL), PERCEPT_OK);
}

START_TEST(who_has_time_shares_a_wide_lane)
{
    widen();
    int calm = add("calm", SCHED_HIGH, 30, 30, 20), other = add("other", SCHED_LOW, 90, 90, 20);
    sched_wait(policy, calm, 0, 0, 0);
    sched_wait(policy, other, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), calm);
    ck_assert_uint_eq(sched_spare(policy, 0), 1);
    ck_assert_int_eq(sched_pick(policy, 0, 0), other);
    ck_assert_uint_eq(sched_spare(policy, 0), 0);
    ck_assert_int_eq(sched_favoured(policy, 0, 0), SCHED_NOBODY);
    ck_assert(!sched_gives_way(policy, other, 0, MS));
    /* At 20 ms it has done nothing yet: now it hurries. */
    ck_assert(!sched_gives_way(policy, calm, 0, 20 * MS));
    ck_assert_int_eq(sched_favoured(policy, 0, 20 * MS), calm);
    ck_assert(sched_gives_way(policy, other, 0, 20 * MS));
}
END_TEST

/* 40 ms of work in 30 ms: it needs both. */
START_TEST(who_hurries_has_a_wide_lane_alone)
{
    widen();
    int low = add("low", SCHED_LOW, 90, 90, 20), tight = add("tight", SCHED_HIGH, 30, 30, 40);
    sched_wait(policy, low, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), low);
    sched_wait(policy, tight, 0, MS, MS);
    ck_assert_int_eq(sched_pick(policy, 0, MS), tight); /* at once, on the slot that is free */
    ck_assert_int_eq(sched_favoured(policy, 0, MS), tight);
    ck_assert(sched_contended(policy, 0));
    ck_assert(sched_gives_way(policy, low, 0, 2 * MS));
    release(low, true, 2 * MS);
    ck_assert_int_eq(sched_pick(policy, 0, 2 * MS), SCHED_NOBODY); /* the core helps */
    ck_assert_uint_eq(sched_spare(policy, 0), 1);
    ck_assert(!sched_gives_way(policy, tight, 0, 3 * MS));
    release(tight, false, 20 * MS);
    ck_assert_int_eq(sched_pick(policy, 0, 20 * MS), low);
    ck_assert_int_eq(sched_favoured(policy, 0, 20 * MS), SCHED_NOBODY);
}
END_TEST

START_TEST(a_better_one_takes_a_core_from_one_that_hurries)
{
    widen();
    int tight = add("tight", SCHED_LOW, 30, 30, 40), high = add("high", SCHED_HIGH, 30, 30, 10);
    sched_wait(policy, tight, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), tight);
    sched_wait(policy, high, 0, 0, MS);
    ck_assert_int_eq(sched_pick(policy, 0, MS), high);
    ck_assert_uint_eq(sched_spare(policy, 0), 0);
    ck_assert(!sched_gives_way(policy, tight, 0, 2 * MS)); /* each has one */
}
END_TEST

/* Alone it would be in time with one; but the dear one could take both for 10 ms. */
START_TEST(who_may_be_interrupted_hurries)
{
    widen();
    add("dear", SCHED_HIGH, 30, 30, 20);
    int low = add("low", SCHED_LOW, 90, 90, 40);
    sched_wait(policy, low, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 28 * MS), low);
    ck_assert_int_eq(sched_favoured(policy, 0, 28 * MS), SCHED_NOBODY);
    ck_assert(!sched_gives_way(policy, low, 0, 30 * MS));
    ck_assert_int_eq(sched_favoured(policy, 0, 30 * MS), low); /* 30 + 50 + 1 + 10 */
}
END_TEST

/* What costs are not known of may be tight. */
START_TEST(who_is_not_known_hurries)
{
    widen();
    int unknown = add("unknown", SCHED_NORMAL, 30, 30, 0), low = add("low", SCHED_LOW, 90, 90, 1);
    sched_wait(policy, unknown, 0, 0, 0);
    sched_wait(policy, low, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), unknown);
    ck_assert_int_eq(sched_pick(policy, 0, 0), SCHED_NOBODY);
}
END_TEST

START_TEST(the_starving_get_a_core_of_one_that_hurries)
{
    widen();
    int tight = add("tight", SCHED_HIGH, 30, 30, 40), low = add("low", SCHED_LOW, 90, 90, 20);
    sched_wait(policy, tight, 0, 0, 0);
    sched_wait(policy, low, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), tight);
    ck_assert_int_eq(sched_pick(policy, 0, MS), SCHED_NOBODY);
    ck_assert_int_eq(sched_pick(policy, 0, 101 * MS), low);
    ck_assert_uint_eq(look(low).boosts, 1);
}
END_TEST

/* Frames that are late at their turn are not begun; but not for ever. */
START_TEST(one_whose_frames_are_always_late_begins_one_when_it_would_starve)
{
    int t = add("t", SCHED_LOW, 10, 10, 1);
    const struct sched_span nothing = {0};
    for (int64_t captured = 0; captured <= 80; captured += 40) {
        sched_wait(policy, t, 0, captured * MS, captured * MS);
        ck_assert_int_eq(sched_pick(policy, 0, (captured + 20) * MS), t);
        ck_assert(!sched_begins(policy, t, (captured + 20) * MS));
        sched_release(policy, t, &nothing, false, (captured + 20) * MS);
        sched_drop(policy, t);
    }
    sched_wait(policy, t, 0, 101 * MS, 101 * MS);
    ck_assert_int_eq(sched_pick(policy, 0, 120 * MS), t);
    ck_assert(sched_begins(policy, t, 120 * MS));
    release(t, false, 121 * MS);
    sched_done(policy, t, NULL, 121 * MS);
    /* It has computed: the next late one is left out again. One in time never is. */
    sched_wait(policy, t, 0, 130 * MS, 130 * MS);
    ck_assert_int_eq(sched_pick(policy, 0, 260 * MS), t);
    ck_assert(!sched_begins(policy, t, 260 * MS));
    sched_release(policy, t, &nothing, false, 260 * MS);
    sched_wait(policy, t, 0, 265 * MS, 265 * MS);
    ck_assert_int_eq(sched_pick(policy, 0, 266 * MS), t);
    ck_assert(sched_begins(policy, t, 266 * MS));
}
END_TEST

/* ---- admission ---- */

START_TEST(what_fits_is_admitted_and_what_does_not_is_not)
{
    int a = add("a", SCHED_HIGH, 20, 20, 8), b = add("b", SCHED_HIGH, 20, 20, 8),
        c = add("c", SCHED_LOW, 100, 20, 15), d = add("d", SCHED_LOW, 1000, 1000, 40);
    sched_tick(policy, 0);
    ck_assert(look(a).admitted);
    ck_assert(look(b).admitted);
    ck_assert(!look(c).admitted); /* 80 % are gone */
    ck_assert_ptr_nonnull(strstr(look(c).cause, "15.0 ms at worst of each 100.0 ms"));
    ck_assert_ptr_nonnull(strstr(look(c).cause, "lane cpu"));
    ck_assert(look(d).admitted);
    ck_assert_str_eq(look(d).cause, "");
}
END_TEST

/* Both do not fit. Behind the short one the long one has time; behind the long one the short one
 * has not. */
START_TEST(where_not_all_fit_the_near_deadlines_do)
{
    int far = add("far", SCHED_NORMAL, 200, 100, 62), near = add("near", SCHED_NORMAL, 30, 30, 20);
    sched_tick(policy, 0);
    ck_assert(look(near).admitted);
    ck_assert(!look(far).admitted);
}
END_TEST

START_TEST(one_that_is_parked_counts_for_nobody)
{
    int a = add("a", SCHED_LOW, 20, 20, 16), b = add("b", SCHED_LOW, 100, 100, 30);
    sched_task_park(policy, a, true);
    sched_tick(policy, 0);
    ck_assert(look(b).admitted);
    /* Nor is it the one that gives way when others miss, with all its load. */
    for (int i = 0; i < 5; i++) {
        sched_frame(policy, b, i * MS);
        sched_drop(policy, b);
    }
    sched_tick(policy, 600 * MS);
    ck_assert_uint_eq(look(a).step, 0);
    ck_assert_uint_eq(look(b).step, 1);
    sched_task_park(policy, a, false);
    sched_tick(policy, 1200 * MS);
    ck_assert(look(a).admitted);
    ck_assert(!look(b).admitted);
}
END_TEST

START_TEST(one_that_is_not_admitted_is_still_above_those_of_less_priority)
{
    int a = add("a", SCHED_HIGH, 20, 10, 11), b = add("b", SCHED_LOW, 100, 100, 1);
    sched_tick(policy, 0);
    ck_assert(!look(a).admitted);
    sched_wait(policy, a, 0, 0, 0);
    sched_wait(policy, b, 0, 0, 0);
    ck_assert_int_eq(sched_pick(policy, 0, 0), a);
}
END_TEST

START_TEST(measured_costs_admit_and_dismiss)
{
    int a = add("a", SCHED_HIGH, 20, 10, 0);
    const int64_t much[SCHED_MAX_LANES] = {12 * MS};
    int64_t now = 0;
    sched_tick(policy, now);
    ck_assert(look(a).admitted); /* nothing is known of it */
    for (int i = 0; i < 200; i++, now += 20 * MS) {
        sched_frame(policy, a, now);
        sched_wait(policy, a, 0, now, now);
        ck_assert_int_eq(sched_pick(policy, 0, now), a);
        release(a, false, now);
        sched_done(policy, a, much, now);
        sched_tick(policy, now);
    }
    ck_assert(!look(a).admitted);
    ck_assert_int_eq(look(a).cost_ns, 12 * MS);
}
END_TEST

START_TEST(a_frame_is_charged_to_the_step_it_was_begun_at)
{
    int a = add("a", SCHED_NORMAL, 20, 20, 0);
    const int64_t much[SCHED_MAX_LANES] = {30 * MS}, little[SCHED_MAX_LANES] = {2 * MS};
    int64_t now = 0;
    unsigned moved = 0;
    for (int i = 0; i < 400 && !moved; i++, now += 20 * MS) {
        sched_frame(policy, a, now);
        sched_wait(policy, a, 0, now, now);
        ck_assert_int_eq(sched_pick(policy, 0, now), a);
        release(a, false, now);
        sched_tick(policy, now); /* as by another's frame, while this one is in work */
        moved = look(a).step;
        sched_done(policy, a, much, now + 30 * MS);
    }
    ck_assert_uint_eq(moved, 1);
    sched_wait(policy, a, 0, now, now);
    ck_assert_int_eq(sched_pick(policy, 0, now), a);
    release(a, false, now);
    sched_done(policy, a, little, now);
    ck_assert_int_eq(look(a).cost_ns, 2 * MS);
}
END_TEST

START_TEST(a_rest_is_no_period)
{
    int a = add("a", SCHED_NORMAL, 0, 0, 1);
    int64_t now = 0;
    for (int i = 0; i < 20; i++, now += 33 * MS)
        sched_frame(policy, a, now);
    now += 3600 * BASE_NS_PER_S;
    sched_frame(policy, a, now);
    ck_assert_int_eq(look(a).period_ns, 33 * MS);
    /* One that stays slow is believed. */
    for (int i = 0; i < 300; i++)
        sched_frame(policy, a, now += BASE_NS_PER_S);
    ck_assert_int_gt(look(a).period_ns, 900 * MS);
}
END_TEST

/* It has both slots when it needs them: 14 ms of 2 * 16, beside whatever goes after it. */
START_TEST(one_above_all_is_admitted_on_a_wide_lane)
{
    widen();
    int above = add("above", SCHED_HIGH, 16, 16, 14),
        below = add("below", SCHED_LOW, 100, 100, 100);
    sched_tick(policy, 0);
    ck_assert(look(above).admitted);
    ck_assert(!look(below).admitted);
}
END_TEST

/* One that costs more than its deadline on one slot, and has several, is in the way nevertheless.
 */
START_TEST(one_that_needs_several_slots_counts_for_those_below)
{
    static const struct sched_settings settings = {
        .lane_count = 1, .lanes = {{"cpu", 4, 4}}, .share = 0.05};
    sched_policy_destroy(policy);
    ck_assert_int_eq(sched_policy_create(&settings, &policy, NULL), PERCEPT_OK);
    int dear = add("dear", SCHED_HIGH, 60, 60, 150), below = add("below", SCHED_NORMAL, 13, 11, 6);
    sched_tick(policy, 0);
    ck_assert(look(dear).admitted);
    ck_assert(!look(below).admitted); /* for 37 ms all four are gone */
}
END_TEST

/* ---- the ladder ---- */

static void frames(int task, unsigned count, unsigned missed, int64_t now)
{
    for (unsigned i = 0; i < count; i++)
        if (sched_frame(policy, task, now) && i < missed)
            sched_drop(policy, task);
}

START_TEST(the_least_important_is_walked_down_first_and_up_last)
{
    int high = add("high", SCHED_HIGH, 20, 20, 1), low = add("low", SCHED_LOW, 20, 20, 1);
    int64_t now = 0, tick = 500 * MS;
    for (int i = 0; i < 3; i++, now += tick) {
        frames(high, 25, 5, now);
        sched_tick(policy, now);
    }
    ck_assert_uint_eq(look(low).step, 2);
    ck_assert_uint_eq(look(high).step, 1);
    ck_assert_str_eq(look(low).cause, "at step 2 of its ladder: high missed deadlines");
    for (int i = 0; i < 20 && look(high).step; i++, now += tick)
        sched_tick(policy, now);
    ck_assert_uint_eq(look(high).step, 0);
    ck_assert_uint_gt(look(low).step, 0);
    for (int i = 0; i < 40 && look(low).step; i++, now += tick)
        sched_tick(policy, now);
    ck_assert_uint_eq(look(low).step, 0);
    ck_assert_str_eq(look(low).cause, "");
}
END_TEST

/* 0.6 + 0.3 + 0.4 of what there is: at once as far down as it takes, and no further. */
START_TEST(what_cannot_be_is_not_begun)
{
    int high = add("high", SCHED_HIGH, 20, 20, 12),
        normal = add("normal", SCHED_NORMAL, 100, 100, 30),
        low = add("low", SCHED_LOW, 100, 100, 40);
    ck_assert(sched_tick(policy, 0));
    ck_assert_uint_eq(look(high).step, 0);
    ck_assert_uint_eq(look(normal).step, 0);
    ck_assert_uint_eq(look(low).step, 2);
    ck_assert_str_eq(look(low).cause, "at step 2 of its ladder: low would miss deadlines");
}
END_TEST

START_TEST(one_miss_is_an_accident)
{
    int a = add("a", SCHED_HIGH, 20, 20, 1);
    frames(a, 25, 1, 0);
    sched_tick(policy, 0);
    ck_assert_uint_eq(look(a).step, 0);
    ck_assert_uint_eq(look(a).missed, 1);
}
END_TEST

START_TEST(a_rate_takes_its_share_of_frames)
{
    int a = add("a", SCHED_LOW, 20, 20, 1);
    unsigned taken = 0;
    frames(a, 10, 10, 0);
    sched_tick(policy, 0);
    ck_assert_uint_eq(look(a).step, 1);
    for (int i = 0; i < 100; i++)
        taken += sched_frame(policy, a, 0);
    ck_assert_uint_ge(taken, 50);
    ck_assert_uint_le(taken, 51);
    ck_assert_uint_eq(look(a).skipped, 100 - taken);
}
END_TEST

START_TEST(pressure_keeps_steps_down_by_priority)
{
    int high = add("high", SCHED_HIGH, 20, 20, 1), normal = add("n", SCHED_NORMAL, 20, 20, 1),
        low = add("low", SCHED_LOW, 20, 20, 1);
    sched_set_pressure(policy, 2, "the battery is at 9 %");
    for (int i = 0; i < 40; i++)
        sched_tick(policy, i * 500 * MS);
    ck_assert_uint_eq(look(high).step, 0);
    ck_assert_uint_eq(look(normal).step, 1);
    ck_assert_uint_eq(look(low).step, 2);
    ck_assert_str_eq(look(low).cause, "at step 2 of its ladder: the battery is at 9 %");
    sched_set_pressure(policy, 0, "");
    for (int i = 40; i < 100; i++)
        sched_tick(policy, i * 500 * MS);
    ck_assert_uint_eq(look(normal).step + look(low).step, 0);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    struct percept_error error = {0};
    struct sched_policy *none = NULL;
    struct sched_settings settings = {.lane_count = 1, .lanes = {{"cpu", 0}}};
    ck_assert_int_eq(sched_policy_create(&settings, &none, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "lane 'cpu' has no slot");
    settings.lanes[0].slots = 1;
    settings.share = 0.6;
    ck_assert_int_eq(sched_policy_create(&settings, &none, &error), PERCEPT_INVALID);
    ck_assert_ptr_null(none);
    for (int i = 0; i < SCHED_MAX_TASKS; i++)
        add("t", SCHED_LOW, 20, 20, 1);
    int task = -1;
    const struct sched_task one = {.name = "one", .step_count = 1};
    ck_assert_int_eq(sched_task_add(policy, &one, &task, &error), PERCEPT_LIMIT);
    sched_task_remove(policy, 7);
    ck_assert_int_eq(sched_task_add(policy, &one, &task, &error), PERCEPT_OK);
    ck_assert_int_eq(task, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, priority_goes_before_deadline_and_deadline_before_number);
    tcase_add_test(tests, lanes_do_not_wait_for_each_other);
    tcase_add_test(tests, a_segment_ends_for_a_better_one_only);
    tcase_add_test(tests, a_late_job_goes_after_those_that_can_be_in_time);
    tcase_add_test(tests, the_starving_get_a_segment_now_and_then);
    tcase_add_test(tests, a_revoked_slot_is_free);
    tcase_add_test(tests, who_has_time_shares_a_wide_lane);
    tcase_add_test(tests, who_hurries_has_a_wide_lane_alone);
    tcase_add_test(tests, a_better_one_takes_a_core_from_one_that_hurries);
    tcase_add_test(tests, who_may_be_interrupted_hurries);
    tcase_add_test(tests, who_is_not_known_hurries);
    tcase_add_test(tests, the_starving_get_a_core_of_one_that_hurries);
    tcase_add_test(tests, what_fits_is_admitted_and_what_does_not_is_not);
    tcase_add_test(tests, one_whose_frames_are_always_late_begins_one_when_it_would_starve);
    tcase_add_test(tests, where_not_all_fit_the_near_deadlines_do);
    tcase_add_test(tests, one_that_is_parked_counts_for_nobody);
    tcase_add_test(tests, one_that_is_not_admitted_is_still_above_those_of_less_priority);
    tcase_add_test(tests, measured_costs_admit_and_dismiss);
    tcase_add_test(tests, a_frame_is_charged_to_the_step_it_was_begun_at);
    tcase_add_test(tests, a_rest_is_no_period);
    tcase_add_test(tests, one_above_all_is_admitted_on_a_wide_lane);
    tcase_add_test(tests, one_that_needs_several_slots_counts_for_those_below);
    tcase_add_test(tests, the_least_important_is_walked_down_first_and_up_last);
    tcase_add_test(tests, what_cannot_be_is_not_begun);
    tcase_add_test(tests, one_miss_is_an_accident);
    tcase_add_test(tests, a_rate_takes_its_share_of_frames);
    tcase_add_test(tests, pressure_keeps_steps_down_by_priority);
    tcase_add_test(tests, what_is_wrong_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
