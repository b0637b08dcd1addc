/* What a running pipeline does: order, lateness, faults, the end. */
#include "host.h"
#include "pictures.h"
#include "suite.h"

#include "pipelines/node.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct host host;

static void setup(void)
{
    pictures_make_folder();
    host_init(&host);
}

static void teardown(void)
{
    host_fini(&host);
    pictures_remove_folder();
}

/* ---- nodes for these tests: detections.count says what they saw ---- */

struct pipe_node {
    const void *params;
};

static enum percept_status create(const struct pipe_node_setup *node_setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    (void)error;
    *node = calloc(1, sizeof **node);
    (*node)->params = node_setup->params;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *node)
{
    free(node);
}

struct fault_params {
    int64_t first, last;
};
static const struct pipe_param fault_params[] = {
    {.name = "first", .kind = PIPE_PARAM_INT, .offset = offsetof(struct fault_params, first)},
    {.name = "last", .kind = PIPE_PARAM_INT, .offset = offsetof(struct fault_params, last)},
    {0},
};
static const struct pipe_port frame_in[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
static const struct pipe_port hands_out[] = {{.name = "hands", .type = PIPE_HANDS}, {0}};
static const struct pipe_port frame_and_hands_in[] = {
    {.name = "frame", .type = PIPE_FRAME}, {.name = "hands", .type = PIPE_HANDS}, {0}};

static enum percept_status fault(struct pipe_node *node, const void *const *inputs,
                                 void *const *outputs, struct percept_error *error)
{
    const struct fault_params *params = node->params;
    const struct pipe_frame *frame = inputs[0];
    if ((int64_t)frame->number >= params->first && (int64_t)frame->number <= params->last)
        return percept_fail(error, PERCEPT_INTERNAL, "a fault on purpose");
    *(struct percept_hands *)outputs[0] = (struct percept_hands){.frame = frame->number};
    return PERCEPT_OK;
}

static const struct pipe_node_class fault_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_fault",
    .inputs = frame_in,
    .outputs = hands_out,
    .params = fault_params,
    .params_size = sizeof(struct fault_params),
    .create = create,
    .process = fault,
    .destroy = destroy,
};

/* hand_count = that of the frame before + 1; 100 when there is none before. */
static enum percept_status count(struct pipe_node *node, const void *const *inputs,
                                 void *const *outputs, struct percept_error *error)
{
    const struct pipe_frame *frame = inputs[0];
    const struct percept_hands *before = inputs[1];
    (void)node, (void)error;
    *(struct percept_hands *)outputs[0] = (struct percept_hands){
        .frame = frame->number,
        .hand_count = before ? before->hand_count + 1 : 100,
    };
    return PERCEPT_OK;
}

static const struct pipe_node_class count_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_count",
    .inputs = frame_and_hands_in,
    .outputs = hands_out,
    .create = create,
    .process = count,
    .destroy = destroy,
};

struct slow_params {
    double ms;
};
static const struct pipe_param slow_params[] = {
    {.name = "ms", .kind = PIPE_PARAM_NUMBER, .offset = offsetof(struct slow_params, ms)}, {0}};

static enum percept_status slow(struct pipe_node *node, const void *const *inputs,
                                void *const *outputs, struct percept_error *error)
{
    const struct slow_params *params = node->params;
    const struct pipe_frame *frame = inputs[0];
    (void)error;
    base_clock_sleep_until(base_clock_ns() + (int64_t)(params->ms * 1e6));
    *(struct percept_hands *)outputs[0] = (struct percept_hands){.frame = frame->number};
    return PERCEPT_OK;
}

static const struct pipe_node_class slow_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_slow",
    .inputs = frame_in,
    .outputs = hands_out,
    .params = slow_params,
    .params_size = sizeof(struct slow_params),
    .create = create,
    .process = slow,
    .destroy = destroy,
};

/* ---- a good run ---- */

START_TEST(every_frame_is_published_once_and_in_order)
{
    pictures_write_series(12);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 0, loop: 3}\n"
                      "    when_late: wait\n"
                      "    topics: {frames: source}\n");
    host_wait_finished(&host, 1, 200);
    const struct pipe_topic *frames = host_topic(&host, "frames");
    ck_assert_str_eq(frames->schema, PERCEPT_FRAME_SCHEMA);
    ck_assert_uint_eq(frames->sample_count, 36);
    ck_assert(frames->closed);
    ck_assert_int_eq(host.finished_status, PERCEPT_END);
    for (size_t i = 0; i < 36; i++) {
        const struct host_sample *sample = &frames->samples[i];
        ck_assert_uint_eq(sample->frame, i);
        ck_assert_uint_eq(sample->pixel[0], 10 + i % 12); /* 2.ppm comes before 10.ppm */
        ck_assert_uint_eq(sample->size, sizeof(struct percept_frame) + 3 * 8 * 8);
        ck_assert_int_ge(sample->publish_ns, sample->capture_ns);
        ck_assert(i == 0 || sample->capture_ns > frames->samples[i - 1].capture_ns);
    }
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_str_eq(stats.state, "done");
    ck_assert_str_eq(stats.source, "images");
    ck_assert_str_eq(stats.cause, "");
    ck_assert_uint_eq(stats.frames, 36);
    ck_assert_uint_eq(stats.dropped_late + stats.dropped_bad + stats.node_errors, 0);
    ck_assert_int_gt(stats.latency_p50_ns, 0);
    ck_assert_int_ge(stats.latency_p99_ns, stats.latency_p50_ns);
    ck_assert_uint_eq(host.event_count, 0);
}
END_TEST

START_TEST(a_rate_is_kept)
{
    pictures_write_series(11);
    host_start(&host,
               "version: 1\n"
               "pipelines: {a: {source: {type: images, paths: ., rate: 50}, when_late: wait, "
               "topics: {frames: source}}}\n");
    host_wait_finished(&host, 1, 200);
    const struct pipe_topic *frames = host_topic(&host, "frames");
    ck_assert_uint_eq(frames->sample_count, 11);
    int64_t took = frames->samples[10].capture_ns - frames->samples[0].capture_ns;
    ck_assert_int_ge(took, 195 * BASE_NS_PER_MS); /* ten of 20 ms; never early */
}
END_TEST

START_TEST(previous_reads_what_the_last_frame_gave)
{
    pictures_write_series(5);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 0}\n"
                      "    when_late: wait\n"
                      "    nodes: [{node: test_count, name: c, inputs: {frame: source, hands: "
                      "{previous: c}}}]\n"
                      "    topics: {hands: c}\n");
    host_wait_finished(&host, 1, 200);
    const struct pipe_topic *hands = host_topic(&host, "hands");
    ck_assert_uint_eq(hands->sample_count, 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_uint_eq(hands->samples[i].hands.hand_count, 100 + i);
}
END_TEST

START_TEST(two_pipelines_run_side_by_side)
{
    pictures_write_series(20);
    host_start(&host,
               "version: 1\n"
               "pipelines:\n"
               "  a: {source: {type: images, paths: ., rate: 0}, when_late: wait, topics: {fa: "
               "source}, priority: low}\n"
               "  b: {source: {type: video, paths: ., rate: 500}, when_late: wait, topics: "
               "{fb: source}}\n");
    host_wait_finished(&host, 2, 200);
    ck_assert_uint_eq(host_topic(&host, "fa")->sample_count, 20);
    ck_assert_uint_eq(host_topic(&host, "fb")->sample_count, 20);
}
END_TEST

/* ---- lateness ---- */

START_TEST(a_slow_pipeline_gets_the_newest_frame_and_drops_are_counted)
{
    pictures_write_series(40);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 1000}\n"
                      "    nodes: [{node: test_slow, ms: 30, inputs: {frame: source}}]\n"
                      "    topics: {hands: test_slow, frames: source}\n");
    host_wait_finished(&host, 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_uint_gt(stats.dropped_late, 20);
    ck_assert_uint_eq(stats.frames + stats.dropped_late, 40);
    const struct pipe_topic *frames = host_topic(&host, "frames");
    ck_assert_uint_eq(frames->sample_count, stats.frames);
    /* The last frame is never dropped: nothing newer replaced it. */
    ck_assert_uint_eq(frames->samples[frames->sample_count - 1].frame, 39);
}
END_TEST

START_TEST(a_slow_pipeline_that_holds_its_source_gets_every_frame)
{
    pictures_write_series(15);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 500}\n"
                      "    when_late: wait\n"
                      "    nodes: [{node: test_slow, ms: 50, inputs: {frame: source}}]\n"
                      "    topics: {hands: test_slow}\n");
    host_wait_finished(&host, 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_uint_eq(stats.frames, 15);
    ck_assert_uint_eq(stats.dropped_late, 0);
    /* Frames are stamped when they go out, so waiting is not latency: that of the middle one would
     * be seven times 48 ms. */
    ck_assert_int_lt(stats.latency_p50_ns, 300 * BASE_NS_PER_MS);
}
END_TEST

START_TEST(a_frame_past_its_deadline_is_not_begun)
{
    pictures_write_series(20);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 100}\n"
                      "    deadline_ms: 1\n"
                      "    nodes: [{node: test_slow, ms: 25, inputs: {frame: source}}]\n"
                      "    topics: {hands: test_slow}\n");
    host_wait_finished(&host, 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_uint_eq(stats.frames + stats.dropped_late, 20);
    ck_assert_uint_ge(stats.dropped_late, 10);
    const struct pipe_topic *hands = host_topic(&host, "hands");
    for (size_t i = 0; i < hands->sample_count; i++) /* none was begun later than it may */
        ck_assert_int_ge(hands->samples[i].publish_ns - hands->samples[i].capture_ns,
                         25 * BASE_NS_PER_MS);
}
END_TEST

/* ---- faults ---- */

START_TEST(a_node_that_fails_is_counted_and_the_pipeline_recovers)
{
    pictures_write_series(30);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 0}\n"
                      "    when_late: wait\n"
                      "    nodes:\n"
                      "      - {node: test_fault, name: bad, first: 5, last: 8, inputs: {frame: "
                      "source}}\n"
                      "      - {node: test_count, name: c, inputs: {frame: source, hands: bad}}\n"
                      "    topics: {hands: c, raw: bad, frames: source}\n");
    host_wait_finished(&host, 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_uint_eq(stats.frames, 30);
    ck_assert_uint_eq(stats.node_errors, 4); /* those downstream are skipped, not counted again */
    ck_assert_uint_eq(host_topic(&host, "frames")->sample_count, 30);
    ck_assert_uint_eq(host_topic(&host, "raw")->sample_count, 26);
    ck_assert_uint_eq(host_topic(&host, "hands")->sample_count, 26);
    ck_assert_uint_eq(host_topic(&host, "hands")->samples[5].frame, 9);
    ck_assert_uint_eq(host.event_count, 2);
    ck_assert_str_eq(host.events[0], "a: degraded: node 'bad': a fault on purpose");
    ck_assert_str_eq(host.events[1], "a: recovered");
}
END_TEST

START_TEST(a_pipeline_that_still_fails_says_why)
{
    pictures_write_series(3);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 0, loop: 0}\n"
                      "    when_late: wait\n"
                      "    nodes: [{node: test_fault, first: 0, last: 100000000, inputs: {frame: "
                      "source}}]\n");
    host_wait_events(&host, "degraded", 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_str_eq(stats.state, "degraded");
    ck_assert_str_eq(stats.cause, "node 'test_fault': a fault on purpose");
    usleep(50000);
    pipe_engine_stop(host.engine);
    ck_assert_uint_eq(host_count_events(&host, ""), 1); /* one line, not one a frame */
}
END_TEST

START_TEST(without_a_loan_the_sample_is_skipped)
{
    pictures_write_series(5);
    host.refuse_loans = true;
    host_start(&host, "version: 1\n"
                      "pipelines: {a: {source: {type: images, paths: ., rate: 0}, when_late: wait, "
                      "topics: {frames: source}}}\n");
    host_wait_finished(&host, 1, 200);
    ck_assert_uint_eq(host_stats(&host, 0).frames, 5);
    ck_assert_uint_eq(host_topic(&host, "frames")->sample_count, 0);
}
END_TEST

START_TEST(an_unreadable_image_is_one_line_and_a_counter)
{
    pictures_write_series(4);
    pictures_write_text("1b.jpg", "\xff\xd8 this is not a JPEG");
    pictures_write_text("2b.txt", "nor this an image");
    pictures_write_text("3b.png", "");
    host_start(&host,
               "version: 1\n"
               "pipelines: {a: {source: {type: images, paths: ., rate: 0, loop: 3}, when_late: "
               "wait, topics: {frames: source}}}\n");
    host_wait_finished(&host, 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_uint_eq(stats.frames, 12);
    ck_assert_uint_eq(stats.dropped_bad, 3); /* once each: they are not tried again */
    ck_assert_uint_eq(host.event_count, 3);
    ck_assert_uint_eq(host_count_events(&host, "a: ./1b.jpg: JPEG: "), 1);
    ck_assert_uint_eq(host_count_events(&host, "a: ./2b.txt: "), 1);
    ck_assert_uint_eq(host_count_events(&host, "a: ./3b.png: "), 1);
    ck_assert_str_eq(stats.state, "done");
}
END_TEST

START_TEST(a_source_without_a_single_good_file_fails)
{
    pictures_write_text("a.jpg", "no");
    pictures_write_text("b.jpg", "neither");
    host_start(&host, "version: 1\n"
                      "pipelines: {a: {source: {type: images, paths: ., loop: 0}, topics: {frames: "
                      "source}}}\n");
    host_wait_finished(&host, 1, 200);
    ck_assert_int_eq(host.finished_status, PERCEPT_NOT_FOUND);
    ck_assert_str_eq(host.finished_error.message, "none of 2 files could be read");
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_str_eq(stats.state, "failed");
    ck_assert_str_eq(stats.cause, "none of 2 files could be read");
    ck_assert(host_topic(&host, "frames")->closed);
}
END_TEST

/* ---- what can't be created ---- */

static void refuse(const char *yaml, enum percept_status expected, const char *message)
{
    struct percept_error error = {0};
    char text[1024];
    enum percept_status status = host_try(&host, yaml, &error);
    ck_assert_str_eq(percept_error_format(&error, text, sizeof text), message);
    ck_assert_int_eq(status, expected);
    ck_assert_ptr_null(host.engine);
}

START_TEST(a_path_without_files_is_told_with_its_place)
{
    refuse("version: 1\npipelines: {a: {source: {type: images, paths: none.jpg}}}\n",
           PERCEPT_NOT_FOUND,
           "test.yaml:2:32: source of pipeline 'a': 'none.jpg': No such file or directory");
}
END_TEST

START_TEST(a_pattern_without_files_is_told_with_its_place)
{
    refuse("version: 1\npipelines: {a: {source: {type: images, paths: x*.jpg}}}\n",
           PERCEPT_NOT_FOUND, "test.yaml:2:32: source of pipeline 'a': no file matches 'x*.jpg'");
}
END_TEST

START_TEST(an_empty_folder_is_told_with_its_place)
{
    refuse("version: 1\npipelines: {a: {source: {type: images, paths: .}}}\n", PERCEPT_NOT_FOUND,
           "test.yaml:2:32: source of pipeline 'a': no file in '.'");
}
END_TEST

START_TEST(a_topic_that_the_host_refuses_is_told_with_its_place)
{
    pictures_write_series(1);
    host.refuse_topics = true;
    refuse("version: 1\npipelines: {a: {source: {type: images, paths: .}, topics: {frames: "
           "source}}}\n",
           PERCEPT_EXISTS, "test.yaml:2:60: topic 'frames': no room for 'frames'");
}
END_TEST

START_TEST(a_backend_that_is_not_there_is_told_with_its_place)
{
    pictures_write_text("m.pte", "");
    refuse("version: 1\nmodels: {m: {file: m.pte, backends: [cpo]}}\n"
           "pipelines: {a: {source: {type: images, paths: .}}}\n",
           PERCEPT_NOT_FOUND, "test.yaml:2:38: there is no backend 'cpo'");
}
END_TEST

/* ---- options of backends ---- */

static char options_set[128];

static enum percept_status set_option(const char *key, const char *value,
                                      struct percept_error *error)
{
    size_t used = strlen(options_set);
    if (strcmp(key, "device") != 0)
        return percept_fail(error, PERCEPT_INVALID, "no option '%s'; it has: device", key);
    snprintf(options_set + used, sizeof options_set - used, "%s=%s ", key, value);
    return PERCEPT_OK;
}

/* Those to which options are handed: nothing else of them is asked for. */
static const struct prt_backend npu = {
    .version = PRT_BACKEND_VERSION, .name = "npu", .set = set_option};
static const struct prt_backend plain = {.version = PRT_BACKEND_VERSION, .name = "plain"};
static const struct prt_backend *const two_backends[] = {&plain, &npu, NULL};

#define ONE_PIPELINE "pipelines: {a: {source: {type: images, paths: .}}}\n"

START_TEST(a_backend_is_handed_its_options)
{
    struct percept_error error = {0};
    pictures_write_series(1);
    host.pipe.backends = two_backends;
    ck_assert_int_eq(host_try(&host,
                              "version: 1\nbackends: {npu: {isolate: false, device: NPU}}\n" //
                              ONE_PIPELINE,
                              &error),
                     PERCEPT_OK);
    ck_assert_str_eq(options_set, "device=NPU ");
}
END_TEST

static const struct {
    const char *backends, *message;
    enum percept_status status;
} wrong_options[] = {
    {"{npo: {}}", "test.yaml:2:12: there is no backend 'npo'; did you mean 'npu'?",
     PERCEPT_NOT_FOUND},
    {"{npu: {device: GPU, speed: 9}}",
     "test.yaml:2:31: backend 'npu': no option 'speed'; it has: device", PERCEPT_INVALID},
    {"{plain: {device: GPU}}",
     "test.yaml:2:20: backend 'plain': it has no options, and so no 'device'", PERCEPT_INVALID},
};

START_TEST(an_option_that_a_backend_refuses_is_told_with_its_place)
{
    char text[256];
    pictures_write_series(1);
    host.pipe.backends = two_backends;
    snprintf(text, sizeof text, "version: 1\nbackends: %s\n" ONE_PIPELINE,
             wrong_options[_i].backends);
    refuse(text, wrong_options[_i].status, wrong_options[_i].message);
}
END_TEST

START_TEST(a_model_without_any_backend_is_told_with_its_place)
{
    pictures_write_text("m.pte", "");
    refuse("version: 1\nmodels: {m: {file: m.pte}}\n"
           "pipelines: {a: {source: {type: images, paths: .}}}\n",
           PERCEPT_NOT_FOUND,
           "test.yaml:2:10: model 'm' has no backend to run on: this build has none");
}
END_TEST

/* ---- sharing the processor ---- */

START_TEST(who_misses_deadlines_walks_down_its_ladder)
{
    pictures_write_series(10);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 100, loop: 0}\n"
                      "    deadline_ms: 1\n"
                      "    ladder: [{rate: 0.5}, {rate: 0.1}]\n"
                      "    nodes: [{node: test_slow, ms: 30, inputs: {frame: source}}]\n"
                      "    topics: {hands: test_slow}\n");
    host_wait_events(&host, "a: less quality: at step 1 of its ladder: a missed deadlines", 1, 200);
    host_wait_events(&host, "a: less quality: at step 2 of its ladder", 1, 200);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_uint_eq(stats.step, 2);
    ck_assert_uint_eq(stats.steps, 2);
    ck_assert_uint_gt(stats.skipped, 0);
    ck_assert_uint_gt(stats.missed, 0);
    ck_assert_str_eq(stats.quality, "at step 2 of its ladder: a missed deadlines");
}
END_TEST

/* One slot: the low pipeline would have it always. */
START_TEST(a_better_pipeline_goes_first)
{
    pictures_write_series(10);
    host_start(&host, "version: 1\n"
                      "scheduler: {cores: 1, share: 0}\n"
                      "pipelines:\n"
                      "  low:\n"
                      "    source: {type: images, paths: ., rate: 1000, loop: 0}\n"
                      "    priority: low\n"
                      "    nodes:\n"
                      "      - {node: test_slow, name: a, ms: 5, inputs: {frame: source}}\n"
                      "      - {node: test_slow, name: b, ms: 5, inputs: {frame: source}}\n"
                      "  normal:\n"
                      "    source: {type: images, paths: ., rate: 20, loop: 2}\n"
                      "    nodes: [{node: test_slow, ms: 5, inputs: {frame: source}}]\n"
                      "    topics: {hands: test_slow}\n");
    host_wait_finished(&host, 1, 200);
    struct pipe_stats low = host_stats(&host, 0), normal = host_stats(&host, 1);
    struct pipe_lane_stats lane;
    ck_assert_uint_eq(pipe_engine_lane_stats(host.engine, &lane, 1), 1);
    ck_assert_str_eq(lane.name, "cpu");
    ck_assert_uint_eq(lane.slots, 1);
    ck_assert_str_eq(normal.state, "done");
    ck_assert_uint_eq(normal.frames + normal.dropped_late, 20);
    ck_assert_uint_gt(normal.frames, 0);
    ck_assert_uint_gt(low.frames, 0);
    ck_assert_uint_ge(low.segments, 2 * low.frames); /* it may be put off between its nodes */
}
END_TEST

START_TEST(a_pipeline_that_hangs_stops_no_other)
{
    pictures_write_series(10);
    host_start(&host, "version: 1\n"
                      "scheduler: {cores: 1, grace_ms: 50}\n"
                      "pipelines:\n"
                      "  hangs:\n"
                      "    source: {type: images, paths: ., rate: 100}\n"
                      "    priority: high\n"
                      "    nodes: [{node: test_slow, ms: 3000, inputs: {frame: source}}]\n"
                      "  other:\n"
                      "    source: {type: images, paths: ., rate: 50, loop: 0}\n"
                      "    nodes: [{node: test_slow, ms: 1, inputs: {frame: source}}]\n"
                      "    topics: {hands: test_slow}\n");
    host_wait_events(&host, "hangs: a step does not end", 1, 200);
    size_t count = host_topic(&host, "hands")->sample_count;
    host_wait_samples(&host, "hands", count + 3, 200);
    ck_assert_uint_ge(host_stats(&host, 0).revoked, 1);
}
END_TEST

/* ---- stopping ---- */

START_TEST(stopping_does_not_wait_for_a_frame_that_is_due_much_later)
{
    pictures_write_series(3);
    host_start(&host,
               "version: 1\n"
               "pipelines: {a: {source: {type: images, paths: ., rate: 0.001}, topics: {frames: "
               "source}}}\n");
    host_wait_samples(&host, "frames", 1, 200);
    pipe_engine_stop(host.engine);             /* else it is the test that takes too long */
    pipe_engine_stop(host.engine);             /* twice is fine */
    ck_assert_uint_eq(host.finished_count, 0); /* it did not finish, it was stopped */
}
END_TEST

START_TEST(an_engine_that_never_started_can_be_stopped)
{
    struct percept_error error;
    pictures_write_series(1);
    ck_assert_int_eq(host_try(&host,
                              "version: 1\npipelines: {a: {source: {type: images, paths: .}, "
                              "topics: {frames: source}}}\n",
                              &error),
                     PERCEPT_OK);
    pipe_engine_stop(host.engine);
}
END_TEST

/* A recording that is woken goes on with the frame that it was at. */
START_TEST(the_end_of_a_rest_costs_no_frame)
{
    struct percept_error error;
    pictures_write_series(5);
    ck_assert_int_eq(host_try(&host,
                              "version: 1\n"
                              "pipelines: {a: {source: {type: images, paths: ., rate: 0}, "
                              "when_late: wait, topics: {frames: source}}}\n",
                              &error),
                     PERCEPT_OK);
    pipe_engine_set_private(host.engine, true);
    pipe_engine_set_private(host.engine, false); /* as if its thread had come late to it */
    ck_assert_int_eq(pipe_engine_start(host.engine, &error), PERCEPT_OK);
    host_wait_finished(&host, 1, 200);
    ck_assert_uint_eq(host_topic(&host, "frames")->sample_count, 5);
    ck_assert_uint_eq(host_topic(&host, "frames")->samples[0].frame, 0);
}
END_TEST

START_TEST(statistics_may_be_read_while_all_runs)
{
    pictures_write_series(10);
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  a:\n"
                      "    source: {type: images, paths: ., rate: 0, loop: 50}\n"
                      "    nodes: [{node: test_fault, first: 100, last: 200, inputs: {frame: "
                      "source}}]\n"
                      "    topics: {frames: source}\n");
    uint64_t frames = 0;
    for (int i = 0; i < 200; i++) {
        struct pipe_stats stats = host_stats(&host, 0);
        ck_assert_uint_ge(stats.frames, frames);
        frames = stats.frames;
        usleep(200);
    }
    host_wait_finished(&host, 1, 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tests = tcase_create("engine");
    if (pipe_node_register(&fault_class, NULL) || pipe_node_register(&count_class, NULL) ||
        pipe_node_register(&slow_class, NULL))
        return EXIT_FAILURE;
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, every_frame_is_published_once_and_in_order);
    tcase_add_test(tests, a_rate_is_kept);
    tcase_add_test(tests, previous_reads_what_the_last_frame_gave);
    tcase_add_test(tests, two_pipelines_run_side_by_side);
    tcase_add_test(tests, a_slow_pipeline_gets_the_newest_frame_and_drops_are_counted);
    tcase_add_test(tests, a_slow_pipeline_that_holds_its_source_gets_every_frame);
    tcase_add_test(tests, a_frame_past_its_deadline_is_not_begun);
    tcase_add_test(tests, a_node_that_fails_is_counted_and_the_pipeline_recovers);
    tcase_add_test(tests, a_pipeline_that_still_fails_says_why);
    tcase_add_test(tests, without_a_loan_the_sample_is_skipped);
    tcase_add_test(tests, an_unreadable_image_is_one_line_and_a_counter);
    tcase_add_test(tests, a_source_without_a_single_good_file_fails);
    tcase_add_test(tests, a_path_without_files_is_told_with_its_place);
    tcase_add_test(tests, a_pattern_without_files_is_told_with_its_place);
    tcase_add_test(tests, an_empty_folder_is_told_with_its_place);
    tcase_add_test(tests, a_topic_that_the_host_refuses_is_told_with_its_place);
    tcase_add_test(tests, a_backend_that_is_not_there_is_told_with_its_place);
    tcase_add_test(tests, a_backend_is_handed_its_options);
    tcase_add_loop_test(tests, an_option_that_a_backend_refuses_is_told_with_its_place, 0,
                        (int)(sizeof wrong_options / sizeof wrong_options[0]));
    tcase_add_test(tests, a_model_without_any_backend_is_told_with_its_place);
    tcase_add_test(tests, who_misses_deadlines_walks_down_its_ladder);
    tcase_add_test(tests, a_better_pipeline_goes_first);
    tcase_add_test(tests, a_pipeline_that_hangs_stops_no_other);
    tcase_add_test(tests, stopping_does_not_wait_for_a_frame_that_is_due_much_later);
    tcase_add_test(tests, an_engine_that_never_started_can_be_stopped);
    tcase_add_test(tests, the_end_of_a_rest_costs_no_frame);
    tcase_add_test(tests, statistics_may_be_read_while_all_runs);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
