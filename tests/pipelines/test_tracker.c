/* What the nodes that follow, join and smooth hands do over frames. */
#include "pipelines/node.h"
#include "suite.h"
#include "synthetic_hand.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

/* ---- nodes over frames ---- */

static struct pipe_node *make_node(const struct pipe_node_class *class, void *params)
{
    struct pipe_node *node = NULL;
    const struct pipe_node_setup setup = {.name = "test", .params = params};
    ck_assert_int_eq(class->create(&setup, &node, NULL), PERCEPT_OK);
    return node;
}

struct tracker_params { /* as node_hand_tracker.c declares them, by its own table */
    unsigned char bytes[64];
};

static void set_param(const struct pipe_node_class *class, void *params, const char *name,
                      double value)
{
    for (const struct pipe_param *p = class->params; p->name; p++)
        if (strcmp(p->name, name) == 0) {
            void *field = (char *)params + p->offset;
            if (p->kind == PIPE_PARAM_INT)
                *(int64_t *)field = (int64_t)value;
            else
                *(double *)field = value;
            return;
        }
    ck_abort_msg("no parameter %s", name);
}

static void default_params(const struct pipe_node_class *class, void *params)
{
    for (const struct pipe_param *p = class->params; p->name; p++)
        if (p->kind == PIPE_PARAM_INT || p->kind == PIPE_PARAM_NUMBER)
            set_param(class, params, p->name, p->fallback);
}

struct tracker {
    const struct pipe_node_class *class;
    struct tracker_params params;
    struct pipe_node *node;
    struct pipe_frame frame;
    struct percept_hands hands; /* of the last frame */
    struct pipe_regions regions;
};

static void tracker_open(struct tracker *t)
{
    *t = (struct tracker){.class = pipe_node_class_find("hand_tracker")};
    default_params(t->class, &t->params);
    t->node = make_node(t->class, &t->params);
    t->frame = (struct pipe_frame){.width = 640, .height = 480, .capture_ns = BASE_NS_PER_S};
}

/* A frame `ms` later; hands are those that were seen in the frame before. */
static const struct pipe_regions *tracker_step(struct tracker *t, int64_t ms)
{
    t->hands.capture_ns = t->frame.capture_ns;
    t->hands.image_width = t->frame.width;
    t->hands.image_height = t->frame.height;
    t->frame.capture_ns += ms * BASE_NS_PER_MS;
    const void *inputs[] = {&t->frame, &t->hands};
    void *outputs[] = {&t->regions};
    ck_assert_int_eq(t->class->process(t->node, inputs, outputs, NULL), PERCEPT_OK);
    return &t->regions;
}

static void tracker_see(struct tracker *t, uint32_t count)
{
    t->hands.hand_count = count;
    for (uint32_t i = 0; i < count; i++)
        make_hand(&t->hands.hands[i], i + 7, 150 + 300 * (float)i, 240, 80, 0);
}

START_TEST(with_nothing_to_follow_every_frame_is_searched)
{
    struct tracker t;
    tracker_open(&t);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(tracker_step(&t, 33)->count, 0);
        ck_assert_uint_eq(t.regions.wanted, 2);
    }
    t.class->destroy(t.node);
}
END_TEST

START_TEST(the_first_frame_has_no_hands_before_it)
{
    struct tracker t;
    tracker_open(&t);
    const void *inputs[] = {&t.frame, NULL};
    void *outputs[] = {&t.regions};
    ck_assert_int_eq(t.class->process(t.node, inputs, outputs, NULL), PERCEPT_OK);
    ck_assert_uint_eq(t.regions.count, 0);
    ck_assert_uint_eq(t.regions.wanted, 2);
    t.class->destroy(t.node);
}
END_TEST

START_TEST(two_hands_that_are_followed_let_the_detector_rest)
{
    struct tracker t;
    tracker_open(&t);
    tracker_step(&t, 33);
    tracker_see(&t, 2);
    for (int i = 0; i < 30; i++) {
        ck_assert_uint_eq(tracker_step(&t, 33)->count, 2);
        ck_assert_uint_eq(t.regions.wanted, 0);
        ck_assert_uint_eq(t.regions.items[0].id, 7);
        ck_assert_uint_eq(t.regions.items[1].id, 8);
        ck_assert_float_eq(t.regions.items[0].detection_score, 0.9f);
    }
    t.class->destroy(t.node);
}
END_TEST

START_TEST(a_free_slot_is_searched_for_now_and_then)
{
    struct tracker t;
    tracker_open(&t);
    tracker_step(&t, 33);
    tracker_see(&t, 1);
    int searched = 0;
    for (int i = 0; i < 30; i++) {
        ck_assert_uint_eq(tracker_step(&t, 33)->count, 1);
        ck_assert_uint_le(t.regions.wanted, 1);
        searched += t.regions.wanted > 0;
    }
    ck_assert_int_ge(searched, 6); /* 990 ms at 100 ms, in steps of 33 */
    ck_assert_int_le(searched, 9);
    t.class->destroy(t.node);
}
END_TEST

START_TEST(a_lost_hand_is_searched_for_at_once)
{
    struct tracker t;
    tracker_open(&t);
    tracker_step(&t, 33);
    tracker_see(&t, 2);
    tracker_step(&t, 10);
    t.hands.hand_count = 1;
    ck_assert_uint_eq(tracker_step(&t, 10)->count, 1);
    ck_assert_uint_eq(t.regions.wanted, 1);
    ck_assert_uint_eq(tracker_step(&t, 10)->wanted, 0); /* then as for any free slot */
    t.class->destroy(t.node);
}
END_TEST

START_TEST(max_hands_of_one_stops_at_one)
{
    struct tracker t;
    tracker_open(&t);
    set_param(t.class, &t.params, "max_hands", 1);
    ck_assert_uint_eq(tracker_step(&t, 33)->wanted, 1);
    tracker_see(&t, 1);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(tracker_step(&t, 200)->wanted, 0);
    t.class->destroy(t.node);
}
END_TEST

START_TEST(two_tracks_on_one_hand_become_the_older_one)
{
    struct tracker t;
    tracker_open(&t);
    tracker_step(&t, 33);
    tracker_see(&t, 2);
    make_hand(&t.hands.hands[0], 9, 300, 240, 80, 0);
    make_hand(&t.hands.hands[1], 4, 306, 243, 82, 0.1f);
    ck_assert_uint_eq(tracker_step(&t, 33)->count, 1);
    ck_assert_uint_eq(t.regions.items[0].id, 4);
    t.class->destroy(t.node);
}
END_TEST

START_TEST(another_picture_size_or_a_long_gap_forgets_all)
{
    struct tracker t;
    tracker_open(&t);
    tracker_step(&t, 33);
    tracker_see(&t, 2);
    ck_assert_uint_eq(tracker_step(&t, 33)->count, 2);
    ck_assert_uint_eq(tracker_step(&t, 501)->count, 0);
    ck_assert_uint_eq(t.regions.wanted, 2);
    tracker_see(&t, 2);
    t.hands.image_width = 640;
    t.frame.width = 320;
    t.hands.capture_ns = t.frame.capture_ns;
    t.frame.capture_ns += BASE_NS_PER_MS;
    const void *inputs[] = {&t.frame, &t.hands};
    void *outputs[] = {&t.regions};
    t.class->process(t.node, inputs, outputs, NULL);
    ck_assert_uint_eq(t.regions.count, 0);
    t.class->destroy(t.node);
}
END_TEST

/* ---- regions ---- */

static void regions_of(const struct pipe_detections *detections, const struct pipe_regions *tracked,
                       struct pipe_regions *out)
{
    const struct pipe_node_class *class = pipe_node_class_find("hand_regions");
    struct tracker_params params;
    default_params(class, &params);
    struct pipe_node *node = make_node(class, &params);
    const void *inputs[] = {detections, tracked};
    void *outputs[] = {out};
    ck_assert_int_eq(class->process(node, inputs, outputs, NULL), PERCEPT_OK);
    class->destroy(node);
}

static struct pipe_detection palm_at(float x, float y, float score)
{
    struct pipe_detection palm = {
        .score = score, .left = x - 20, .top = y - 20, .width = 40, .height = 40};
    palm.keypoints[0][0] = palm.keypoints[2][0] = x;
    palm.keypoints[0][1] = y + 20;
    palm.keypoints[2][1] = y - 20;
    return palm;
}

START_TEST(palms_of_hands_that_are_followed_are_not_new)
{
    struct pipe_detections detections = {.count = 3, .ran = true};
    detections.items[0] = palm_at(100, 100, 0.9f);
    detections.items[1] = palm_at(105, 102, 0.8f); /* the same again */
    detections.items[2] = palm_at(400, 300, 0.7f);
    struct pipe_square known = pipe_square_from_palm(&detections.items[0]);
    struct pipe_regions tracked = {.count = 1, .wanted = 1}, out;
    tracked.items[0] = (struct pipe_region){.square = known, .id = 5};
    regions_of(&detections, &tracked, &out);
    ck_assert_uint_eq(out.count, 2);
    ck_assert_uint_eq(out.items[0].id, 5);
    ck_assert_uint_eq(out.items[1].id, 0);
    ck_assert_float_eq(out.items[1].detection_score, 0.7f);
    ck_assert(out.detector_ran);
}
END_TEST

START_TEST(no_more_regions_than_are_wanted)
{
    struct pipe_detections detections = {.count = 3, .ran = true};
    detections.items[0] = palm_at(100, 100, 0.9f);
    detections.items[1] = palm_at(300, 100, 0.8f);
    detections.items[2] = palm_at(500, 100, 0.7f);
    struct pipe_regions out, one = {.wanted = 1};
    regions_of(&detections, NULL, &out);
    ck_assert_uint_eq(out.count, 2);
    regions_of(&detections, &one, &out);
    ck_assert_uint_eq(out.count, 1);
    regions_of(NULL, NULL, &out);
    ck_assert_uint_eq(out.count, 0);
    ck_assert(!out.detector_ran);
}
END_TEST

/* ---- smoothing ---- */

START_TEST(a_resting_hand_is_steadied_and_a_new_one_begins_where_it_is)
{
    const struct pipe_node_class *class = pipe_node_class_find("one_euro");
    struct tracker_params params;
    default_params(class, &params);
    struct pipe_node *node = make_node(class, &params);
    struct percept_hands in = {.hand_count = 1, .capture_ns = BASE_NS_PER_S}, out;
    const void *inputs[] = {&in};
    void *outputs[] = {&out};
    double shaken = 0, smooth = 0;
    srand(4);
    for (int i = 0; i < 200; i++) {
        make_hand(&in.hands[0], 1, 300 + uniform(-1, 1), 200, 80, 0);
        in.capture_ns += 33 * BASE_NS_PER_MS;
        ck_assert_int_eq(class->process(node, inputs, outputs, NULL), PERCEPT_OK);
        if (i < 20)
            continue;
        shaken += pow(in.hands[0].image[0][0] - 300, 2);
        smooth += pow(out.hands[0].image[0][0] - 300, 2);
    }
    ck_assert_double_lt(smooth, shaken / 3);
    /* Another hand in the same place of the array has a filter of its own. */
    make_hand(&in.hands[0], 2, 500, 100, 80, 0);
    class->process(node, inputs, outputs, NULL);
    ck_assert_float_eq(out.hands[0].image[4][0], in.hands[0].image[4][0]);
    class->destroy(node);
}
END_TEST

START_TEST(a_moving_hand_is_not_left_behind)
{
    const struct pipe_node_class *class = pipe_node_class_find("one_euro");
    struct tracker_params params;
    default_params(class, &params);
    struct pipe_node *node = make_node(class, &params);
    struct percept_hands in = {.hand_count = 1, .capture_ns = BASE_NS_PER_S}, out;
    const void *inputs[] = {&in};
    void *outputs[] = {&out};
    for (int i = 0; i < 60; i++) { /* 600 pixels a second: a quick wave */
        make_hand(&in.hands[0], 1, 100 + 20 * (float)i, 200, 80, 0);
        in.capture_ns += 33333333;
        class->process(node, inputs, outputs, NULL);
    }
    /* Less than a frame's way behind. */
    ck_assert_float_lt(in.hands[0].image[0][0] - out.hands[0].image[0][0], 20);
    class->destroy(node);
}
END_TEST

START_TEST(presence_says_how_many_and_since_when)
{
    static const struct {
        uint32_t count;
        int since; /* frame */
    } frames[] = {{0, 0}, {0, 0}, {2, 2}, {2, 2}, {1, 4}, {1, 4}, {0, 6}, {2, 7}};
    const struct pipe_node_class *class = pipe_node_class_find("hand_presence");
    struct pipe_node *node = make_node(class, NULL);
    struct percept_hands in = {0};
    struct percept_hands_presence out;
    const void *inputs[] = {&in};
    void *outputs[] = {&out};
    for (int i = 0; i < (int)(sizeof frames / sizeof frames[0]); i++) {
        memset(&out, 0xff, sizeof out);
        in.hand_count = frames[i].count;
        in.capture_ns = BASE_NS_PER_S + i * 1000;
        ck_assert_int_eq(class->process(node, inputs, outputs, NULL), PERCEPT_OK);
        const struct percept_hands_presence expected = {.capture_ns = in.capture_ns,
                                                        .since_ns =
                                                            BASE_NS_PER_S + frames[i].since * 1000,
                                                        .hand_count = frames[i].count};
        ck_assert_mem_eq(&out, &expected, sizeof out); /* and nothing else of the hands */
    }
    class->destroy(node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracker");
    TCase *tests = tcase_create("tracker");
    tcase_add_test(tests, with_nothing_to_follow_every_frame_is_searched);
    tcase_add_test(tests, the_first_frame_has_no_hands_before_it);
    tcase_add_test(tests, two_hands_that_are_followed_let_the_detector_rest);
    tcase_add_test(tests, a_free_slot_is_searched_for_now_and_then);
    tcase_add_test(tests, a_lost_hand_is_searched_for_at_once);
    tcase_add_test(tests, max_hands_of_one_stops_at_one);
    tcase_add_test(tests, two_tracks_on_one_hand_become_the_older_one);
    tcase_add_test(tests, another_picture_size_or_a_long_gap_forgets_all);
    tcase_add_test(tests, palms_of_hands_that_are_followed_are_not_new);
    tcase_add_test(tests, no_more_regions_than_are_wanted);
    tcase_add_test(tests, a_resting_hand_is_steadied_and_a_new_one_begins_where_it_is);
    tcase_add_test(tests, a_moving_hand_is_not_left_behind);
    tcase_add_test(tests, presence_says_how_many_and_since_when);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
