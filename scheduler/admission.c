/*
 * Why: a promise ("this pipeline meets its deadlines") must rest on what was measured, and must be
 * known before it is broken.
 *
 * On a lane with one slot the test is the processor demand criterion for earliest deadline first
 * (Baruah, Rosier, Howell 1990), with the jobs of higher levels as interference, and one segment of
 * somebody else as blocking, since segments are not interrupted. In any interval of length t that
 * begins when nobody of these levels has work, the work that must be done in it is at most
 *
 *   segment of a lower level, or of a later deadline
 *   + for each task of the level: frames with deadlines inside * cost
 *   + for each task of a higher level: frames inside * cost
 *
 * and if that is at most t for all t, no deadline is missed. Which t need to be looked at is QPA's
 * idea (Zhang, Burns 2009): go down from the longest busy interval, by leaps.
 *
 * On a lane where a job can make use of all m slots, these work as one that is m times as fast, as
 * long as all are for those levels. While fewer than m of their jobs are about and none is hurried
 * (policy.c), somebody else has slots that could be theirs. So they fall behind what one fast slot
 * would have done, by no more than what is left of these jobs, and of one that is not hurried there
 * is no more left than its one slot can do by its deadline: that of m - 1 jobs goes on top of the
 * demand. A job that comes may also wait for a segment on each of the other slots. What this test
 * does not promise, the next one may.
 *
 * With several slots it is the test of Bertogna, Cirinei and Lipari (2005) for any work-conserving
 * order, less a segment for each job in the way, which is what one may be held up when it wants its
 * slot back, and without its limit for a job on one slot where jobs may have more. The share of the
 * starving counts as a task of the highest level in both.
 *
 * A task that computes on several lanes has a part of its deadline on each, and may begin there as
 * late as the other parts let it; but lanes order jobs by whole deadlines, so that there the
 * promise is a rule of thumb.
 */
#include "scheduler/policy_state.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

#define MOST_LEAPS \
    1000 /* a set that needs more of them is so close to the edge that it is over it */

/* What the tests know of a task on one lane. */
struct demand {
    int level;
    bool promised; /* its own deadlines count */
    double rate;
    /* jitter: it may begin so long after the frame, having been on other lanes; until the deadline
     * then the rest is left. */
    int64_t cost, period, deadline, jitter, segment;
    int64_t hold; /* the longest segment of any other */
};

struct demands {
    unsigned slots, width;
    int64_t segment; /* what they are meant to be bounded to */
    size_t count;
    struct demand items[SCHED_MAX_TASKS + 1];
};

/* Of that many frames in a row, at most so many are taken at a rate. */
static int64_t taken(int64_t frames, double rate)
{
    return frames <= 0 ? 0 : (int64_t)ceil((double)frames * rate - 1e-9);
}

/* ---- one slot, or several that work as one ---- */

static int64_t blocking(const struct demands *all, int level, int64_t t)
{
    int64_t most = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct demand *d = &all->items[i];
        if ((d->level < level || (d->level == level && d->deadline - d->jitter > t)) &&
            d->segment > most)
            most = d->segment;
    }
    return most;
}

/* Frames of a task that must be done, or of a higher level that come, in an interval of length t.
 */
static int64_t frames_in(const struct demand *d, int level, int64_t t)
{
    if (d->level > level)
        return (t + d->jitter + d->period - 1) / d->period;
    return d->level == level && t + d->jitter >= d->deadline
               ? (t + d->jitter - d->deadline) / d->period + 1
               : 0;
}

/*
 * What a job that was there before the interval, and did not hurry, adds to them. There is as much
 * left of it as one slot can do by its deadline; its task's next frames come after that.
 */
static int64_t left_before(const struct demands *all, const struct demand *d, int level, int64_t t)
{
    if (d->jitter)
        return d->cost;
    int64_t frames = d->level > level ? (t - 1) / d->period : t / d->period;
    int64_t left = (t - frames * d->period - all->segment) * 4 / 5;
    left = left < 0 ? 0 : left < d->cost ? left : d->cost;
    /* Those that came with the interval may be more. */
    int64_t more = left + (frames + (d->level > level) - frames_in(d, level, t)) * d->cost;
    return more > 0 ? more : 0;
}

/* The most that as many jobs add as can be about without having all slots. */
static int64_t behind(const struct demands *all, int level, int64_t t)
{
    int64_t sum = 0, most[SCHED_MAX_TASKS + 1];
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].level < level)
            continue;
        int64_t left = left_before(all, &all->items[i], level, t);
        size_t at = count++;
        for (; at > 0 && most[at - 1] < left; at--)
            most[at] = most[at - 1];
        most[at] = left;
    }
    for (size_t i = 0; i < count && i + 1 < all->slots; i++)
        sum += most[i];
    return sum;
}

/* What a frame keeps busy: its own computing, and others whose segments it waits for. */
static int64_t work_of(const struct demands *all, const struct demand *d)
{
    return d->cost + (int64_t)(all->slots - 1) * d->hold;
}

/* Time of slots. */
static int64_t demand_in(const struct demands *all, int level, int64_t t)
{
    int64_t sum = blocking(all, level, t) * all->slots + behind(all, level, t);
    for (size_t i = 0; i < all->count; i++)
        sum += taken(frames_in(&all->items[i], level, t), all->items[i].rate) *
               work_of(all, &all->items[i]);
    return sum;
}

/* The latest deadline of the level before t; 0: none. */
static int64_t deadline_before(const struct demands *all, int level, int64_t t)
{
    int64_t latest = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct demand *d = &all->items[i];
        int64_t first = d->deadline - d->jitter;
        if (d->level != level || t <= first)
            continue;
        int64_t at = first + (t - first - 1) / d->period * d->period;
        latest = at > latest ? at : latest;
    }
    return latest;
}

static double dearest(const struct demands *all, int level)
{
    int64_t most = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].level >= level && all->items[i].cost > most)
            most = all->items[i].cost;
    return (double)most;
}

/* Of a busy interval of this level and those above; 0: it need not end. */
static int64_t longest_busy(const struct demands *all, int level)
{
    double load = 0, slots = all->slots, longest_deadline = 0;
    double once = (double)blocking(all, level, 0) * slots + dearest(all, level) * (slots - 1);
    for (size_t i = 0; i < all->count; i++) {
        const struct demand *d = &all->items[i];
        if (d->level < level)
            continue;
        double each = (double)work_of(all, d) * d->rate / (double)d->period;
        load += each;
        /* taken(n) < n * rate + 1, n <= (t + jitter) / period + 1 */
        once += each * (double)(d->jitter + d->period) + (double)work_of(all, d);
        if (d->level == level && (double)d->deadline > longest_deadline)
            longest_deadline = (double)d->deadline;
    }
    if (load >= slots * (1 - 1e-6))
        return 0;
    double busy = once / (slots - load) + 1;
    return (int64_t)(busy > longest_deadline ? busy : longest_deadline + 1);
}

static bool fits_as_one(const struct demands *all, int level)
{
    int64_t longest = longest_busy(all, level);
    if (!longest)
        return false;
    int64_t t = deadline_before(all, level, longest + 1);
    for (unsigned leaps = 0; t > 0; leaps++) {
        int64_t demand = (demand_in(all, level, t) + all->slots - 1) / all->slots;
        if (demand > t || leaps > MOST_LEAPS)
            return false;
        /* Between the demand and t, the demand is no more: all of these are fine. */
        int64_t before = deadline_before(all, level, t);
        t = demand < before ? deadline_before(all, level, demand + 1) : before;
    }
    return true;
}

/* ---- several slots ---- */

/* Frames of d that may be in the way of one of `own`: those of its deadline's length, and one that
 * began before; of a task that may be late, also the one that waits behind that. */
static int64_t frames_beside(const struct demands *all, const struct demand *own,
                             const struct demand *d)
{
    int64_t length = own->deadline - own->jitter;
    if (d->promised) /* done by its deadline, on all that it may have */
        length += d->deadline - d->cost / all->width;
    else
        length += 2 * d->period;
    return taken(length / d->period + 1, d->rate);
}

static bool meets_deadline(const struct demands *all, const struct demand *own)
{
    int64_t slack = own->deadline - own->jitter - own->cost - own->hold;
    double work = 0;
    for (size_t i = 0; i < all->count; i++)
        if (&all->items[i] != own && all->items[i].level >= own->level)
            slack -= frames_beside(all, own, &all->items[i]) * own->hold;
    for (size_t i = 0; i < all->count && slack > 0; i++) {
        const struct demand *d = &all->items[i];
        int64_t its = frames_beside(all, own, d) * d->cost;
        if (d != own && d->level >= own->level)
            work += (double)(its < slack || all->width > 1 ? its : slack);
    }
    return slack > 0 && work < (double)all->slots * (double)slack;
}

static bool fits_side_by_side(const struct demands *all, int level)
{
    bool fits = true;
    for (size_t i = 0; i < all->count && fits; i++)
        fits = all->items[i].level != level || meets_deadline(all, &all->items[i]);
    return fits;
}

static bool fits(const struct demands *all, int level)
{
    return (all->width == all->slots && fits_as_one(all, level)) ||
           (all->slots > 1 && fits_side_by_side(all, level));
}

/* ---- all of it ---- */

/* A task's part of its deadline on a lane: what it costs there, and its share of the rest. */
static int64_t deadline_on(const struct sched_policy *p, const struct sched_task_state *t,
                           int64_t cost)
{
    int64_t rest = sched_deadline(t), lanes = 0;
    for (size_t lane = 0; lane < p->settings.lane_count; lane++) {
        int64_t its = sched_worst(t, t->step, (int)lane);
        rest -= its;
        lanes += its > 0;
    }
    int64_t own = lanes ? cost + rest / lanes : 0;
    return own > 0 ? own : 1;
}

/* admitted: of each task. */
static void collect(const struct sched_policy *p, int lane, const bool *admitted,
                    struct demands *all)
{
    int64_t longest = 0, second = 0; /* segments */
    all->slots = p->lanes[lane].config.slots;
    all->width = sched_width(&p->lanes[lane].config);
    all->segment = p->settings.segment_ns;
    all->count = 0;
    for (size_t i = 0; i < p->task_count; i++) {
        const struct sched_task_state *t = &p->tasks[i];
        int64_t cost = sched_worst(t, t->step, lane), period = sched_period(t);
        double rate = sched_step_of(t)->rate;
        if (!sched_counts(t) || rate <= 0 || cost <= 0 || period <= 0)
            continue;
        int64_t deadline = sched_deadline(t), segment = sched_recent_most(&t->segments[lane]);
        int64_t mine = deadline_on(p, t, cost);
        if (segment < p->settings.segment_ns)
            segment = p->settings.segment_ns;
        segment = segment < cost ? segment : cost;
        second = segment > longest ? longest : segment > second ? segment : second;
        longest = segment > longest ? segment : longest;
        all->items[all->count++] = (struct demand){
            .level = 2 * (int)t->config.priority + admitted[i],
            .promised = admitted[i],
            .rate = rate,
            .cost = cost,
            .period = period,
            .deadline = deadline,
            .jitter = deadline > mine ? deadline - mine : 0,
            .segment = segment,
        };
    }
    for (size_t i = 0; i < all->count; i++)
        all->items[i].hold = all->items[i].segment == longest ? second : longest;
    if (p->settings.share > 0 && all->count > 1) { /* alone nobody starves */
        int64_t gap = longest > p->settings.segment_ns ? longest : p->settings.segment_ns;
        gap = (int64_t)((double)gap / p->settings.share);
        all->items[all->count++] = (struct demand){.level = 2 * SCHED_HIGH + 2,
                                                   .rate = 1,
                                                   .promised = true,
                                                   .cost = longest,
                                                   .hold = longest,
                                                   .period = gap,
                                                   .deadline = gap};
    }
}

/* The lane on which an admitted task might miss a deadline; SCHED_NOBODY: none. */
static int overcommitted(const struct sched_policy *p, const bool *admitted)
{
    struct demands all;
    for (size_t lane = 0; lane < p->settings.lane_count; lane++) {
        collect(p, (int)lane, admitted, &all);
        for (int priority = SCHED_LOW; priority <= SCHED_HIGH; priority++) {
            int level = 2 * priority + 1;
            bool asked = false;
            for (size_t i = 0; i < all.count; i++)
                asked |= all.items[i].level == level;
            if (asked && !fits(&all, level))
                return (int)lane;
        }
    }
    return SCHED_NOBODY;
}

static void explain(const struct sched_policy *p, struct sched_task_state *t, int lane)
{
    snprintf(t->why_refused, sizeof t->why_refused,
             "not admitted: %.1f ms at worst of each %.1f ms do not fit on lane %.30s beside its "
             "priority and above",
             (double)sched_worst(t, t->step, lane) / BASE_NS_PER_MS,
             (double)sched_period(t) / BASE_NS_PER_MS, p->lanes[lane].config.name);
}

/* Of those of a priority that were not looked at yet, the one of the nearest deadline. */
static struct sched_task_state *next_candidate(struct sched_policy *p, int priority,
                                               const bool *looked_at)
{
    struct sched_task_state *best = NULL;
    for (size_t i = 0; i < p->task_count; i++) {
        struct sched_task_state *t = &p->tasks[i];
        if (sched_counts(t) && (int)t->config.priority == priority && !looked_at[i] &&
            (!best || sched_deadline(t) < sched_deadline(best)))
            best = t;
    }
    return best;
}

/* Measured costs waver; what is declared does not. */
static bool settle(struct sched_policy *p, struct sched_task_state *t, int lane)
{
    bool fits = lane == SCHED_NOBODY;
    t->opposed = fits == t->best_effort ? t->opposed + 1 : 0;
    bool changes = t->opposed >= 2 || (t->opposed && !t->done);
    if (changes) {
        t->best_effort = !fits;
        t->opposed = 0;
        t->why_refused[0] = '\0';
        if (t->best_effort)
            explain(p, t, lane);
    }
    p->costs_changed |= t->opposed > 0;
    return changes;
}

/*
 * Where not all of a priority fit, those of near deadlines are taken first: those that are not go
 * after them, which costs those least that have the most time. (Of fixed priorities, that order is
 * the best: Leung, Whitehead 1982.)
 */
bool sched_admit(struct sched_policy *p)
{
    bool admitted[SCHED_MAX_TASKS] = {0}, looked_at[SCHED_MAX_TASKS] = {0}, changed = false;
    if (!p->costs_changed)
        return false;
    p->costs_changed = false;
    for (int priority = SCHED_HIGH; priority >= SCHED_LOW; priority--) {
        struct sched_task_state *t;
        while ((t = next_candidate(p, priority, looked_at)) != NULL) {
            size_t i = (size_t)(t - p->tasks);
            looked_at[i] = admitted[i] = true;
            int lane = overcommitted(p, admitted);
            admitted[i] = lane == SCHED_NOBODY;
            changed |= settle(p, t, lane);
        }
    }
    return changed;
}
