/* The models of a pipeline lie in one place, since its thread runs one after the other; those of
 * another pipeline, which runs at the same time, lie elsewhere. */
#include "host.h"
#include "pictures.h"
#include "pte.h"
#include "suite.h"

#include "pipelines/node.h"

#include "backends/cpu/cpu.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { SMALL = 1000, LARGE = 1 << 18, FRAMES = 20, NODES = 4 };

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
static struct host host;
static const void *places[NODES][2]; /* inputs of each node's models, as nodes are made */
static unsigned node_count;

/* A program of y = -(x * x) on `count` numbers. */
static void write_model(const char *path, int count)
{
    struct pte pte = {0};
    char args[96];
    snprintf(args, sizeof args, "f32[%d] $0 >f32[%d] =", count, count);
    uint32_t x = pte_call(&pte, "aten::mul.out", args);
    snprintf(args, sizeof args, "$%u >f32[%d] =", x, count);
    pte.outputs[0] = pte_call(&pte, "aten::neg.out", args);
    pte.output_count = 1;
    struct flat flat = pte_write(&pte, false);
    FILE *file = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(flat.bytes, 1, flat.size, file), flat.size);
    fclose(file);
    free(flat.bytes);
}

static void setup(void)
{
    pictures_make_folder();
    pictures_write_series(FRAMES);
    write_model("small.pte", SMALL);
    write_model("large.pte", LARGE);
    host_init(&host);
    host.pipe.backends = backends;
    node_count = 0;
}

static void teardown(void)
{
    host_fini(&host);
    pictures_remove_folder();
}

/* ---- a node with two models; hand_count says how many numbers came out wrong ---- */

struct two_params {
    const char *models[2];
};

struct pipe_node {
    struct pipe_model *models[2];
};

static enum percept_status create(const struct pipe_node_setup *node_setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct two_params *params = node_setup->params;
    struct pipe_node *made = calloc(1, sizeof *made);
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < 2 && status == PERCEPT_OK; i++)
        status =
            node_setup->open_model(node_setup->host, params->models[i], &made->models[i], error);
    if (status != PERCEPT_OK) {
        free(made);
        return status;
    }
    for (int i = 0; i < 2; i++)
        places[node_count][i] = prt_model_input_data(pipe_model_prt(made->models[i]), 0);
    node_count++;
    *node = made;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *node)
{
    free(node);
}

static enum percept_status run(struct pipe_model *model, size_t count, float seed, uint32_t *wrong,
                               struct percept_error *error)
{
    float *x = prt_model_input_data(pipe_model_prt(model), 0);
    for (size_t i = 0; i < count; i++)
        x[i] = seed + (float)(i % 100);
    enum percept_status status = pipe_model_run(model, error);
    const float *y = prt_model_output_data(pipe_model_prt(model), 0);
    for (size_t i = 0; i < count; i++)
        *wrong += y[i] != -(seed + (float)(i % 100)) * (seed + (float)(i % 100));
    return status;
}

static enum percept_status process(struct pipe_node *node, const void *const *inputs,
                                   void *const *outputs, struct percept_error *error)
{
    static const size_t counts[] = {SMALL, LARGE, SMALL};
    const struct pipe_frame *frame = inputs[0];
    enum percept_status status = PERCEPT_OK;
    uint32_t wrong = 0;
    for (int i = 0; i < 3 && status == PERCEPT_OK; i++)
        status = run(node->models[i % 2], counts[i], (float)frame->number + 0.5f * (float)i, &wrong,
                     error);
    *(struct percept_hands *)outputs[0] =
        (struct percept_hands){.frame = frame->number, .hand_count = wrong};
    return status;
}

static const struct pipe_param params[] = {
    {.name = "small", .kind = PIPE_PARAM_MODEL, .offset = offsetof(struct two_params, models[0])},
    {.name = "large", .kind = PIPE_PARAM_MODEL, .offset = offsetof(struct two_params, models[1])},
    {0},
};
static const struct pipe_port frame_in[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
static const struct pipe_port hands_out[] = {{.name = "hands", .type = PIPE_HANDS}, {0}};

static const struct pipe_node_class two_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_two",
    .inputs = frame_in,
    .outputs = hands_out,
    .params = params,
    .params_size = sizeof(struct two_params),
    .create = create,
    .process = process,
    .destroy = destroy,
};

#define MODELS                                                       \
    "version: 1\n"                                                   \
    "models: {small: {file: small.pte}, large: {file: large.pte}}\n" \
    "pipelines:\n"
#define SOURCE                                        \
    "    source: {type: images, paths: ., rate: 0}\n" \
    "    when_late: wait\n"
#define TWO "{node: test_two, inputs: {frame: source}, small: small, large: large, name: "

static void expect_right(const char *topic)
{
    const struct pipe_topic *hands = host_topic(&host, topic);
    ck_assert_uint_eq(hands->sample_count, FRAMES);
    for (size_t i = 0; i < FRAMES; i++)
        ck_assert_uint_eq(hands->samples[i].hands.hand_count, 0);
}

START_TEST(models_of_all_nodes_of_a_pipeline_lie_in_one_place)
{
    host_start(&host, MODELS "  a:\n" SOURCE "    nodes: [" TWO "first}, " TWO "second}]\n"
                             "    topics: {first: first, second: second}\n");
    host_wait_finished(&host, 1, 200);
    ck_assert_uint_eq(node_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_ptr_eq(places[i][0], places[0][0]);
        ck_assert_ptr_eq(places[i][1], places[0][0]);
    }
    expect_right("first");
    expect_right("second");
}
END_TEST

START_TEST(pipelines_that_run_at_once_have_a_place_each)
{
    host_start(&host, MODELS "  a:\n" SOURCE "    nodes: [" TWO "n}]\n"
                             "    topics: {first: n}\n"
                             "  b:\n" SOURCE "    nodes: [" TWO "n}]\n"
                             "    topics: {second: n}\n");
    host_wait_finished(&host, 2, 200);
    ck_assert_uint_eq(node_count, 2);
    ck_assert_ptr_eq(places[0][0], places[0][1]);
    ck_assert_ptr_eq(places[1][0], places[1][1]);
    const char *a = places[0][0], *b = places[1][0];
    ck_assert_uint_ge((size_t)(a < b ? b - a : a - b), LARGE * sizeof(float));
    expect_right("first");
    expect_right("second");
}
END_TEST

/* ---- a ladder with models: hand_count says how many numbers the model takes ---- */

static enum percept_status create_one(const struct pipe_node_setup *node_setup,
                                      struct pipe_node **node, struct percept_error *error)
{
    const struct two_params *one = node_setup->params;
    *node = calloc(1, sizeof **node);
    return node_setup->open_model(node_setup->host, one->models[0], &(*node)->models[0], error);
}

static enum percept_status tell_size(struct pipe_node *node, const void *const *inputs,
                                     void *const *outputs, struct percept_error *error)
{
    struct prt_model *model = pipe_model_prt(node->models[0]);
    uint32_t wrong = 0, count = (uint32_t)prt_tensor_elements(prt_model_input_spec(model, 0));
    (void)inputs;
    base_clock_sleep_until(base_clock_ns() + 3 * BASE_NS_PER_MS); /* late, whatever it runs */
    enum percept_status status = run(node->models[0], count, 1, &wrong, error);
    *(struct percept_hands *)outputs[0] =
        (struct percept_hands){.hand_count = wrong ? 0 : count, .model_ns = 1};
    return status;
}

static const struct pipe_param one_params[] = {
    {.name = "model", .kind = PIPE_PARAM_MODEL, .offset = offsetof(struct two_params, models[0])},
    {0},
};
static const struct pipe_node_class one_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_one",
    .inputs = frame_in,
    .outputs = hands_out,
    .params = one_params,
    .params_size = sizeof(struct two_params),
    .create = create_one,
    .process = tell_size,
    .destroy = destroy,
};

START_TEST(a_step_of_the_ladder_runs_other_models)
{
    host_start(&host,
               MODELS "  a:\n"
                      "    source: {type: images, paths: ., rate: 100, loop: 0}\n"
                      "    deadline_ms: 1\n"
                      "    ladder: [{rate: 0.9}, {models: {large: small}}]\n"
                      "    nodes: [{node: test_one, model: large, inputs: {frame: source}}]\n"
                      "    topics: {first: test_one}\n");
    host_wait_events(&host, "a: less quality: at step 2", 1, 200);
    pthread_mutex_lock(&host.mutex);
    size_t seen = host_topic(&host, "first")->sample_count;
    pthread_mutex_unlock(&host.mutex);
    ck_assert_uint_lt(seen, HOST_SAMPLES - 2);
    host_wait_samples(&host, "first", seen + 2, 200);
    const struct pipe_topic *first = host_topic(&host, "first");
    ck_assert_uint_eq(first->samples[0].hands.hand_count, LARGE);
    ck_assert_uint_eq(first->samples[seen + 1].hands.hand_count, SMALL);
}
END_TEST

/* ---- backends by cost: a device that is there and fails, and one that is not ---- */

static unsigned tries; /* of the device that fails */

static const char *is_there(void)
{
    return NULL;
}

static const char *is_not(void)
{
    return "it is not";
}

static enum percept_status fail_to_compile(const struct prt_compile *compile,
                                           struct prt_segment **segment,
                                           struct percept_error *error)
{
    (void)compile, (void)segment;
    tries++;
    return percept_fail(error, PERCEPT_LIMIT, "no room");
}

static void start_with(const char *list)
{
    static struct prt_backend fails, absent;
    static const struct prt_backend *const all[] = {&prt_cpu_backend, &absent, &fails, NULL};
    static char text[512];
    fails = absent = prt_cpu_backend;
    fails.name = "fails";
    fails.on_host = false;
    fails.absent = is_there;
    fails.compile = fail_to_compile;
    absent.name = "absent";
    absent.on_host = false;
    absent.absent = is_not;
    host.pipe.backends = all;
    tries = 0;
    snprintf(text, sizeof text,
             "version: 1\n"
             "models: {small: {file: small.pte, backends: %s}, large: {file: large.pte}}\n"
             "pipelines:\n  a:\n" SOURCE "    nodes: [" TWO "n}]\n    topics: {first: n}\n",
             list);
    host_start(&host, text);
    host_wait_finished(&host, 1, 200);
}

START_TEST(auto_tries_all_backends_that_are_there)
{
    struct pipe_model_stats stats[2];
    start_with("auto");
    ck_assert_uint_gt(tries, 0);
    pipe_engine_model_stats(host.engine, stats, 2);
    ck_assert_str_eq(stats[0].backend, "cpu");
    expect_right("first");
}
END_TEST

START_TEST(auto_tries_those_that_are_named)
{
    start_with("[auto, absent, cpu]");
    ck_assert_uint_eq(tries, 0);
    expect_right("first");
    host_fini(&host);
    host_init(&host);
    start_with("[auto, fails, cpu]");
    ck_assert_uint_gt(tries, 0);
    expect_right("first");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipeline_models");
    TCase *tests = tcase_create("pipeline_models");
    (void)pipe_node_register(&two_class, NULL); /* without them no test passes */
    (void)pipe_node_register(&one_class, NULL);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, models_of_all_nodes_of_a_pipeline_lie_in_one_place);
    tcase_add_test(tests, pipelines_that_run_at_once_have_a_place_each);
    tcase_add_test(tests, a_step_of_the_ladder_runs_other_models);
    tcase_add_test(tests, auto_tries_all_backends_that_are_there);
    tcase_add_test(tests, auto_tries_those_that_are_named);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
