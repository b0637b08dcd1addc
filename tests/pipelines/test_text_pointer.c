/* What a finger selects, and when it lets go. */
#include "pipelines/node.h"
#include "pipelines/pointing.h"
#include "suite.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

/* ---- hands and lines ---- */

/* Fingers of three bones of 3 cm that go up, each bent at both joints by so many degrees. */
static void make_hand(struct percept_hand *hand, uint32_t id, float x, float y, float index,
                      float others)
{
    *hand = (struct percept_hand){.id = id, .presence = 1};
    for (int base = 5; base <= 17; base += 4) {
        float angle = 0, bend = (base == 5 ? index : others) * 0.017453293f;
        float at[3] = {(float)(base - 11) * 0.005f, -0.09f, 0};
        for (int i = base; i < base + 4; i++) {
            memcpy(hand->world[i], at, sizeof at);
            at[1] -= 0.03f * cosf(angle);
            at[2] += 0.03f * sinf(angle);
            angle += bend;
        }
    }
    hand->image[8][0] = x;
    hand->image[8][1] = y;
}

static void make_line(struct percept_text_line *line, uint32_t id, float x, float y, float width,
                      float height, float turn)
{
    const float across[] = {0, 1, 1, 0}, down[] = {0, 0, 1, 1};
    *line = (struct percept_text_line){.id = id, .seen = 1};
    for (int i = 0; i < 4; i++) {
        line->corners[i][0] = x + cosf(turn) * across[i] * width - sinf(turn) * down[i] * height;
        line->corners[i][1] = y + sinf(turn) * across[i] * width + cosf(turn) * down[i] * height;
    }
}

/* ---- geometry ---- */

START_TEST(a_stretched_index_finger_points_when_others_are_bent)
{
    struct percept_hand hand;
    make_hand(&hand, 1, 0, 0, 0, 80);
    ck_assert(pipe_hand_points(&hand, false));
    make_hand(&hand, 1, 0, 0, 0, 0); /* an open hand */
    ck_assert(!pipe_hand_points(&hand, false));
    ck_assert(!pipe_hand_points(&hand, true));
    make_hand(&hand, 1, 0, 0, 80, 80); /* a fist */
    ck_assert(!pipe_hand_points(&hand, false));
    make_hand(&hand, 1, 0, 0, 35, 80); /* between: only one that pointed still does */
    ck_assert(!pipe_hand_points(&hand, false));
    ck_assert(pipe_hand_points(&hand, true));
    ck_assert(!pipe_hand_points(&(struct percept_hand){0}, true)); /* no hand at all */
}
END_TEST

START_TEST(a_line_is_pointed_at_from_within_and_from_below)
{
    struct percept_text_line line;
    for (int i = 0; i < 8; i++) { /* however it is turned */
        float turn = (float)i * 0.785398163f;
        make_line(&line, 1, 0, 0, 100, 20, turn);
        const struct {
            float across, down, wanted;
        } points[] = {{50, 10, 0},   {0.5f, 0.5f, 0}, {50, 30, 0.5f}, {50, 39.9f, 0.995f},
                      {50, 41, -1},  {50, -5, 0.25f}, {50, -11, -1},  {105, 10, 0.25f},
                      {-11, 10, -1}, {111, 10, -1}};
        for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
            float a = points[p].across, d = points[p].down;
            float point[2] = {cosf(turn) * a - sinf(turn) * d, sinf(turn) * a + cosf(turn) * d};
            ck_assert_float_eq_tol(pipe_line_distance(&line, point, 1, 0.5f), points[p].wanted,
                                   1e-3f);
        }
    }
    ck_assert_float_lt(pipe_line_distance(&(struct percept_text_line){0}, (float[]){0, 0}, 1, 1),
                       0);
}
END_TEST

/* ---- over frames ---- */

static const struct pipe_node_class *class;
static struct {
    struct pipe_node *node;
    _Alignas(8) unsigned char params[64];
    struct percept_text text;
    struct percept_hands hands;
    struct percept_text_selected selected;
    int64_t now_ms;
} s;

static void open_node(void)
{
    memset(&s, 0, sizeof s);
    class = pipe_node_class_find("text_pointer");
    for (const struct pipe_param *p = class->params; p->name; p++)
        if (p->kind == PIPE_PARAM_INT)
            *(int64_t *)(s.params + p->offset) = (int64_t)p->fallback;
        else if (p->kind == PIPE_PARAM_NUMBER)
            *(double *)(s.params + p->offset) = p->fallback;
    ck_assert_int_eq(class->create(&(struct pipe_node_setup){.params = s.params}, &s.node, NULL),
                     PERCEPT_OK);
    s.now_ms = 1000;
    s.text.line_count = 2;
    make_line(&s.text.lines[0], 7, 100, 100, 200, 20, 0);
    make_line(&s.text.lines[1], 8, 100, 150, 200, 20, 0);
    strcpy(s.text.lines[1].text, "Tel 555-123-4567");
    s.text.action_count = 2;
    s.text.actions[0] = (struct percept_text_action){.kind = PERCEPT_ACTION_URL, .line = 0};
    s.text.actions[1] = (struct percept_text_action){
        .kind = PERCEPT_ACTION_PHONE, .line = 1, .begin = 4, .end = 16, .value = "5551234567"};
}

static void close_node(void)
{
    class->destroy(s.node);
}

/* A frame with the tip there; y 0: no hand. Returns the id of the selected line, 0: none. */
static uint32_t frame(int64_t ms, float x, float y)
{
    s.now_ms += ms;
    s.text.capture_ns = s.hands.capture_ns = s.now_ms * BASE_NS_PER_MS;
    s.hands.hand_count = y != 0;
    if (y != 0)
        make_hand(&s.hands.hands[0], 3, x, y, 0, 80);
    const void *inputs[] = {&s.text, &s.hands};
    void *outputs[] = {&s.selected};
    ck_assert_int_eq(class->process(s.node, inputs, outputs, NULL), PERCEPT_OK);
    ck_assert_int_eq(s.selected.capture_ns, s.hands.capture_ns);
    if (!s.selected.selected) {
        struct percept_text_selected nothing = {.capture_ns = s.selected.capture_ns,
                                                .since_ns = s.selected.since_ns};
        ck_assert_mem_eq(&nothing, &s.selected, sizeof nothing);
    }
    return s.selected.selected ? s.selected.line.id : 0;
}

START_TEST(a_line_is_selected_after_a_dwell)
{
    ck_assert_uint_eq(frame(0, 150, 160), 0);
    ck_assert_uint_eq(frame(399, 150, 160), 0);
    ck_assert_uint_eq(frame(1, 155, 172), 8); /* below the line is still at it */
    ck_assert_int_eq(s.selected.since_ns, s.now_ms * BASE_NS_PER_MS);
    ck_assert_uint_eq(s.selected.hand, 3);
    ck_assert_float_eq(s.selected.point[0], 155);
    ck_assert_uint_eq(s.selected.action_count, 1);
    ck_assert_uint_eq(s.selected.actions[0].kind, PERCEPT_ACTION_PHONE);
    ck_assert_uint_eq(s.selected.actions[0].line, 0);
    int64_t since = s.selected.since_ns;
    ck_assert_uint_eq(frame(500, 150, 160), 8);
    ck_assert_int_eq(s.selected.since_ns, since);
}
END_TEST

START_TEST(what_comes_later_of_the_line_is_carried)
{
    frame(0, 150, 160);
    ck_assert_uint_eq(frame(400, 150, 160), 8);
    ck_assert_str_eq(s.selected.line.translation, "");
    strcpy(s.text.lines[1].translation, "ligue");
    frame(33, 150, 160);
    ck_assert_str_eq(s.selected.line.translation, "ligue");
    s.text.line_count = 1; /* not read in this frame: what it was stays */
    s.text.action_count = 1;
    ck_assert_uint_eq(frame(33, 150, 160), 8);
    ck_assert_str_eq(s.selected.line.translation, "ligue");
    ck_assert_uint_eq(s.selected.action_count, 1);
}
END_TEST

START_TEST(sweeping_over_lines_selects_none)
{
    for (int i = 0; i < 40; i++)
        ck_assert_uint_eq(frame(100, 150, i % 4 < 2 ? 110 : 160), 0);
}
END_TEST

START_TEST(it_lets_go_after_a_while_elsewhere)
{
    frame(0, 150, 160);
    frame(400, 150, 160);
    ck_assert_uint_eq(frame(100, 600, 400), 8);
    ck_assert_uint_eq(frame(100, 150, 160), 8); /* back in time */
    ck_assert_uint_eq(frame(100, 600, 400), 8);
    ck_assert_uint_eq(frame(299, 600, 400), 8);
    ck_assert_uint_eq(frame(1, 600, 400), 0);
    ck_assert_int_eq(s.selected.since_ns, s.now_ms * BASE_NS_PER_MS);
}
END_TEST

START_TEST(a_hand_that_is_lost_for_a_moment_keeps_it)
{
    frame(0, 150, 160);
    frame(400, 150, 160);
    ck_assert_uint_eq(frame(100, 0, 0), 8);
    ck_assert_float_eq(s.selected.point[0], 150);
    ck_assert_uint_eq(frame(100, 150, 160), 8);
    ck_assert_uint_eq(frame(100, 0, 0), 8);
    ck_assert_uint_eq(frame(300, 0, 0), 0);
}
END_TEST

START_TEST(another_line_takes_over_after_its_dwell)
{
    *(int64_t *)(s.params + class->params[1].offset) = 5000; /* release_ms */
    ck_assert_str_eq(class->params[1].name, "release_ms");
    frame(0, 150, 160);
    ck_assert_uint_eq(frame(400, 150, 160), 8);
    ck_assert_uint_eq(frame(100, 150, 105), 8);
    ck_assert_uint_eq(frame(400, 150, 105), 7);
    ck_assert_uint_eq(s.selected.actions[0].kind, PERCEPT_ACTION_URL);
}
END_TEST

/* Between two lines the tip trembles; what was pointed at is held a little further. */
START_TEST(trembling_at_the_edge_does_not_begin_anew)
{
    for (int i = 0; i < 5; i++)
        frame(i ? 100 : 0, 150, i % 2 ? 199 : 205); /* the line reaches to 200 */
    ck_assert_uint_eq(frame(100, 150, 199), 8);
}
END_TEST

START_TEST(a_pause_in_the_stream_lets_go)
{
    frame(0, 150, 160);
    ck_assert_uint_eq(frame(400, 150, 160), 8);
    ck_assert_uint_eq(frame(1500, 150, 160), 0);
    ck_assert_uint_eq(frame(400, 150, 160), 8);
    ck_assert_uint_eq(frame(-700, 150, 160), 0); /* time that goes back */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text pointer");
    TCase *geometry = tcase_create("geometry"), *frames = tcase_create("frames");
    TCase *const all[] = {geometry, frames};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_set_timeout(all[i], 100); /* a sanitizer on a busy machine */
    tcase_add_test(geometry, a_stretched_index_finger_points_when_others_are_bent);
    tcase_add_test(geometry, a_line_is_pointed_at_from_within_and_from_below);
    tcase_add_checked_fixture(frames, open_node, close_node);
    tcase_add_test(frames, a_line_is_selected_after_a_dwell);
    tcase_add_test(frames, what_comes_later_of_the_line_is_carried);
    tcase_add_test(frames, sweeping_over_lines_selects_none);
    tcase_add_test(frames, it_lets_go_after_a_while_elsewhere);
    tcase_add_test(frames, a_hand_that_is_lost_for_a_moment_keeps_it);
    tcase_add_test(frames, another_line_takes_over_after_its_dwell);
    tcase_add_test(frames, trembling_at_the_edge_does_not_begin_anew);
    tcase_add_test(frames, a_pause_in_the_stream_lets_go);
    suite_add_tcase(suite, geometry);
    suite_add_tcase(suite, frames);
    return run_suite(suite);
}
