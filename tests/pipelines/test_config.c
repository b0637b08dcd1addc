/* What a configuration may say, and what is said about one that is wrong. */
#include "pipelines/config.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A configuration that is right, up to its pipelines. test.pte exists. */
#define HEAD                         \
    "version: 1\n"                   \
    "models:\n"                      \
    "  palm: {file: test.pte}\n"     \
    "  landmark: {file: test.pte}\n" \
    "pipelines:\n"                   \
    "  hands:\n"                     \
    "    source: {type: images, paths: .}\n"
#define TRACKER  "      - {node: hand_tracker, inputs: {frame: source, hands: {previous: marks}}}\n"
#define DETECTOR "      - {node: palm_detector, model: palm, inputs: {frame: source}}\n"
#define REGIONS  "      - {node: hand_regions, inputs: {detections: palm_detector}}\n"
#define MARKS                                                                       \
    "      - {node: hand_landmarks, name: marks, model: landmark, inputs: {frame: " \
    "source.frame, regions: hand_regions.regions}}\n"

static char folder[] = "/tmp/percept-config-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    FILE *file = fopen("test.pte", "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
}

static void remove_folder(void)
{
    unlink("test.pte");
    rmdir(folder);
}

static struct pipe_config *parse(const char *text)
{
    struct pipe_config *config = NULL;
    struct percept_error error = {0};
    char message[1024];
    enum percept_status status =
        pipe_config_parse("test.yaml", text, strlen(text), &config, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s",
                  percept_error_format(&error, message, sizeof message));
    return config;
}

static void refuse(const char *text, enum percept_status expected, const char *expected_message)
{
    struct pipe_config *config = NULL;
    struct percept_error error = {0};
    char message[1024];
    enum percept_status status =
        pipe_config_parse("test.yaml", text, strlen(text), &config, &error);
    percept_error_format(&error, message, sizeof message);
    ck_assert_str_eq(message, expected_message);
    ck_assert_int_eq(status, expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_ptr_null(config);
}

/* ---- what is right ---- */

START_TEST(a_whole_configuration_is_read)
{
    struct pipe_config *config =
        parse("version: 1\n"
              "daemon: {socket: run/p.sock, exit_when_done: true, "
              "threads: 3, log: debug}\n"
              "scheduler: {cores: 2, share: 0.1}\n"
              "plugins: [lib, /opt/lib]\n"
              "backends:\n"
              "  vgf: {isolate: true}\n"
              "  npu: {library: 'lib.so', isolate: false, streams: 2}\n"
              "models:\n"
              "  palm: {file: test.pte, backends: [cpu, vulkan]}\n"
              "pipelines:\n"
              "  a:\n"
              "    source: {type: video, paths: [x.mp4, /y.gif], rate: 12.5, loop: 0}\n"
              "    when_late: wait\n"
              "    priority: low\n"
              "    deadline_ms: 33.5\n"
              "    cost_ms: 5\n"
              "    ladder: [{rate: 0.5}, {pause: true}]\n"
              "    topics: {frames: source}\n");
    const struct pipe_daemon_settings *daemon = pipe_config_daemon(config);
    ck_assert_str_eq(daemon->socket, "run/p.sock");
    ck_assert(daemon->exit_when_done);
    ck_assert_uint_eq(daemon->threads, 3);
    ck_assert_int_eq(daemon->log_level, BASE_LOG_DEBUG);
    ck_assert_uint_eq(daemon->plugin_folder_count, 2);
    ck_assert_str_eq(daemon->plugin_folders[0], "lib");
    const struct pipe_config_backend *backends;
    ck_assert_uint_eq(pipe_config_backends(config, &backends), 2);
    ck_assert_str_eq(backends[0].name, "vgf");
    ck_assert(backends[0].isolate);
    ck_assert_uint_eq(backends[0].option_count, 0);
    ck_assert(!backends[1].isolate);
    ck_assert_uint_eq(backends[1].option_count, 2);
    ck_assert_str_eq(backends[1].options[0].key, "library");
    ck_assert_str_eq(backends[1].options[0].value, "lib.so");
    ck_assert_str_eq(backends[1].options[1].value, "2");
    ck_assert_uint_eq(backends[1].options[1].line, 7);
    ck_assert_uint_eq(backends[1].options[1].column, 44);
    const struct pipe_config_model *palm = pipe_config_find_model(config, "palm");
    ck_assert_str_eq(palm->file, "test.pte");
    ck_assert_uint_eq(palm->backends.count, 2);
    ck_assert_str_eq(palm->backends.items[1].text, "vulkan");
    const struct pipe_config_pipeline *a = &config->pipelines[0];
    ck_assert_str_eq(a->source->name, "video");
    ck_assert_int_eq(a->when_late, PIPE_WHEN_LATE_WAIT);
    ck_assert_int_eq(a->priority, PIPE_PRIORITY_LOW);
    ck_assert_double_eq(a->deadline_ms, 33.5);
    ck_assert_double_eq(a->cost_ms, 5);
    ck_assert_uint_eq(a->step_count, 2);
    ck_assert_double_eq(a->steps[0].rate, 0.5);
    ck_assert_double_eq(a->steps[1].rate, 0);
    ck_assert_int_eq(pipe_config_task(a).period_ns, 80000000);
    ck_assert_int_eq(pipe_config_task(a).deadline_ns, 33500000);
    ck_assert_int_eq(pipe_config_task(a).steps[2].cost_ns[0], 5000000);
    ck_assert_int_eq(config->scheduler.cores, 2);
    ck_assert_double_eq(config->scheduler.share, 0.1);
    ck_assert_double_eq(config->scheduler.segment_ms, 1);
    ck_assert_uint_eq(a->topic_count, 1);
    ck_assert_int_eq(a->topics[0].stream.node, PIPE_FROM_SOURCE);
    pipe_config_destroy(config);
}
END_TEST

START_TEST(a_step_of_a_ladder_may_have_other_models)
{
    struct pipe_config *config = parse(
        HEAD "    nodes:\n" DETECTOR "    ladder: [{rate: 0.5}, {models: {palm: landmark}}]\n");
    const struct pipe_config_pipeline *hands = &config->pipelines[0];
    ck_assert_str_eq(pipe_config_swapped(hands, 0, "palm"), "palm");
    ck_assert_str_eq(pipe_config_swapped(hands, 1, "palm"), "palm");
    ck_assert_str_eq(pipe_config_swapped(hands, 2, "palm"), "landmark");
    ck_assert_double_eq(hands->steps[1].rate, 1);
    pipe_config_destroy(config);
}
END_TEST

START_TEST(what_is_not_given_has_its_default)
{
    struct pipe_config *config = parse("version: 1\n"
                                       "pipelines: {a: {source: {type: images, paths: .}}}\n");
    const struct pipe_daemon_settings *daemon = pipe_config_daemon(config);
    ck_assert_ptr_null(daemon->socket);
    ck_assert(!daemon->exit_when_done);
    ck_assert_uint_eq(daemon->threads, 0);
    ck_assert_int_eq(daemon->log_level, BASE_LOG_INFO);
    ck_assert_uint_eq(daemon->plugin_folder_count, 0);
    ck_assert_uint_eq(config->backend_count, 0);
    ck_assert_int_eq(config->pipelines[0].when_late, PIPE_WHEN_LATE_DROP);
    ck_assert_int_eq(config->pipelines[0].priority, PIPE_PRIORITY_NORMAL);
    pipe_config_destroy(config);
}
END_TEST

START_TEST(nodes_run_after_their_inputs_whatever_the_order_in_the_file)
{
    struct pipe_config *config =
        parse(HEAD "    nodes:\n" MARKS REGIONS DETECTOR TRACKER "    topics: {hands: marks}\n");
    const struct pipe_config_pipeline *p = &config->pipelines[0];
    ck_assert_uint_eq(p->node_count, 4);
    for (size_t i = 0; i < p->node_count; i++)
        for (size_t port = 0; port < PIPE_MAX_PORTS; port++) {
            const struct pipe_config_stream *stream = &p->nodes[i].inputs[port];
            ck_assert(stream->node < (int)i || stream->previous);
        }
    ck_assert_str_eq(p->nodes[p->topics[0].stream.node].name, "marks");
    pipe_config_destroy(config);
}
END_TEST

START_TEST(environment_variables_are_replaced_except_in_single_quotes)
{
    setenv("PERCEPT_TEST_RATE", "7", 1);
    unsetenv("PERCEPT_TEST_UNSET");
    struct pipe_config *config =
        parse("version: 1\n"
              "daemon:\n  socket: 'a${PERCEPT_TEST_RATE}'\n  threads: ${PERCEPT_TEST_RATE}\n"
              "models: {m: {file: \"${PERCEPT_TEST_UNSET:-test}.pte\", backends: [$$x$]}}\n"
              "pipelines: {a: {source: {type: images, paths: .}}}\n");
    ck_assert_str_eq(pipe_config_daemon(config)->socket, "a${PERCEPT_TEST_RATE}");
    ck_assert_uint_eq(pipe_config_daemon(config)->threads, 7);
    ck_assert_str_eq(config->models[0].file, "test.pte");
    ck_assert_str_eq(config->models[0].backends.items[0].text, "$x$");
    pipe_config_destroy(config);
}
END_TEST

START_TEST(paths_are_relative_to_the_file)
{
    char path[128], expected[128];
    struct pipe_config *config = NULL;
    struct percept_error error = {0};
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    FILE *file = fopen(path, "w");
    fputs("version: 1\nmodels: {m: {file: test.pte}}\n"
          "pipelines: {a: {source: {type: images, paths: /abs}}}\n",
          file);
    fclose(file);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(pipe_config_load(path, &config, &error), PERCEPT_OK);
    snprintf(expected, sizeof expected, "%s/test.pte", folder);
    ck_assert_str_eq(config->models[0].file, expected);
    pipe_config_destroy(config);
    ck_assert_int_eq(chdir(folder), 0);
    unlink(path);
}
END_TEST

/* ---- what is wrong ---- */

static const struct {
    const char *text, *message;
    enum percept_status status;
} wrong[] = {
    {"version: 1\npipelnes: {}\n",
     "test.yaml:2:1: unknown key 'pipelnes' in the configuration; did you mean 'pipelines'?",
     PERCEPT_MALFORMED},
    {"", "test.yaml:1:1: the configuration needs 'version' (of this format: 1)", PERCEPT_MALFORMED},
    {"version: 2\npipelines: {}\n",
     "test.yaml:1:10: version: expected a number from 1 to 1, got '2'", PERCEPT_MALFORMED},
    {"version: 1\npipelines: {}\n", "test.yaml:2:12: pipelines: expected at least one",
     PERCEPT_MALFORMED},
    {"- 1\n", "test.yaml:1:1: the configuration: expected a mapping, got a list",
     PERCEPT_MALFORMED},
    {"version: 1\ndaemon: {exit_when_done: yes}\npipelines: {}\n",
     "test.yaml:2:26: exit_when_done: expected true or false, got 'yes'", PERCEPT_MALFORMED},
    {"version: 1\ndaemon: {threads: \"2\"}\npipelines: {}\n",
     "test.yaml:2:19: threads: expected a whole number, got the quoted text '2'",
     PERCEPT_MALFORMED},
    {"version: 1\ndaemon: {threads: 1.5}\npipelines: {}\n",
     "test.yaml:2:19: threads: expected a whole number, got '1.5'", PERCEPT_MALFORMED},
    {"version: 1\ndaemon: {threads: 999}\npipelines: {}\n",
     "test.yaml:2:19: threads: expected a number from 0 to 256, got '999'", PERCEPT_MALFORMED},
    {"version: 1\ndaemon: {threads: 99999999999999999999}\npipelines: {}\n",
     "test.yaml:2:19: threads: expected a whole number, got '99999999999999999999'",
     PERCEPT_MALFORMED},
    {"version: 1\ndaemon: {log: inof}\npipelines: {}\n",
     "test.yaml:2:15: log: expected error, warning, info or debug, got 'inof'; did you mean "
     "'info'?",
     PERCEPT_MALFORMED},
    {"version: 1\ndaemon: 5\npipelines: {}\n", "test.yaml:2:9: daemon: expected a mapping, got '5'",
     PERCEPT_MALFORMED},
    {"version: 1\ndaemon:\npipelines: {}\n",
     "test.yaml:2:8: daemon: expected a mapping, got nothing", PERCEPT_MALFORMED},
    {"version: 1\nversion: 1\npipelines: {}\n",
     "test.yaml:2:1: key 'version' again; it is already on line 1", PERCEPT_MALFORMED},
    {"version: 1\nplugins: {a: b}\npipelines: {}\n",
     "test.yaml:2:10: plugins: expected a path or a list of paths, got a mapping",
     PERCEPT_MALFORMED},
    {"version: 1\nbackends: {Npu: {}}\npipelines: {}\n",
     "test.yaml:2:12: 'Npu' is no name for a backend: expected up to 63 of a-z 0-9 . _ -, the "
     "first a letter or digit",
     PERCEPT_MALFORMED},
    {"version: 1\nbackends: {npu: fast}\npipelines: {}\n",
     "test.yaml:2:17: backend 'npu': expected a mapping, got 'fast'", PERCEPT_MALFORMED},
    {"version: 1\nbackends: {npu: {isolate: yes}}\npipelines: {}\n",
     "test.yaml:2:27: isolate: expected true or false, got 'yes'", PERCEPT_MALFORMED},
    {"version: 1\nbackends: {npu: {device: [NPU]}}\npipelines: {}\n",
     "test.yaml:2:26: device: expected a text, got a list", PERCEPT_MALFORMED},
    {"version: 1\nbackends: {npu: {device: }}\npipelines: {}\n",
     "test.yaml:2:26: device: expected a text, got nothing", PERCEPT_MALFORMED},
    {"version: 1\nmodels: {Palm: {file: test.pte}}\npipelines: {}\n",
     "test.yaml:2:10: 'Palm' is no name for a model: expected up to 63 of a-z 0-9 . _ -, the first "
     "a letter or digit",
     PERCEPT_MALFORMED},
    {"version: 1\nmodels: {palm: {}}\npipelines: {}\n",
     "test.yaml:2:16: model 'palm' needs 'file' (path of the .pte)", PERCEPT_MALFORMED},
    {"version: 1\nmodels: {palm: {file: none.pte}}\npipelines: {}\n",
     "test.yaml:2:23: model file 'none.pte': No such file or directory", PERCEPT_NOT_FOUND},
    {"version: 1\nmodels: {palm: {file: .}}\npipelines: {}\n",
     "test.yaml:2:23: model file '.' is not a regular file", PERCEPT_INVALID},
    {"version: 1\npipelines: {a: {nodes: []}}\n",
     "test.yaml:2:16: pipeline 'a' needs 'source' (where its frames come from)", PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {paths: .}}}\n",
     "test.yaml:2:25: source of pipeline 'a' needs 'type' (the kind of source)", PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {type: camra}}}\n",
     "test.yaml:2:32: no source type 'camra'; expected images, video, camera, stereo_files, "
     "stereo_camera, depth_files, depth_camera, audio_files, audio_stream or microphone; did you "
     "mean 'camera'?",
     PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {type: images}}}\n",
     "test.yaml:2:25: source of pipeline 'a' needs 'paths' (files, folders (their files by name) "
     "or globs, in sequence)",
     PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {type: images, paths: []}}}\n",
     "test.yaml:2:47: paths: expected a path or a list of paths, got a list", PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {type: images, paths: ., rate: -1}}}\n",
     "test.yaml:2:56: rate: expected a number from 0 to 1000, got '-1'", PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {type: images, paths: ., rate: nan}}}\n",
     "test.yaml:2:56: rate: expected a number, got 'nan'", PERCEPT_MALFORMED},
    {"version: 1\npipelines: {a: {source: {type: images, paths: .}, when_late: dorp}}\n",
     "test.yaml:2:62: when_late: expected drop or wait, got 'dorp'; did you mean 'drop'?",
     PERCEPT_MALFORMED},
    /* nodes and wires */
    {HEAD "    nodes:\n      - {node: palm_detecter}\n",
     "test.yaml:9:16: no kind of node 'palm_detecter'; did you mean 'palm_detector'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {model: palm}\n",
     "test.yaml:9:9: a node needs 'node' (the kind of node)", PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - palm_detector\n",
     "test.yaml:9:9: a node: expected a mapping, got 'palm_detector'", PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, modle: palm, inputs: {frame: source}}\n",
     "test.yaml:9:31: unknown key 'modle' in node 'palm_detector'; did you mean 'model'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: plam, inputs: {frame: source}}\n",
     "test.yaml:9:38: no model 'plam' under models; did you mean 'palm'?", PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: palm}\n",
     "test.yaml:9:9: input 'frame' (a frame) of node 'palm_detector' is not connected",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: palm, inputs: {frme: source}}\n",
     "test.yaml:9:53: node 'palm_detector' has no input 'frme'; did you mean 'frame'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: palm, inputs: {frame: sorce}}\n",
     "test.yaml:9:60: no node 'sorce' in pipeline 'hands'; did you mean 'source'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: palm, inputs: {frame: source.fram}}\n",
     "test.yaml:9:60: node 'source' has no output 'fram'; did you mean 'frame'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: palm, inputs: {frame: [source]}}\n",
     "test.yaml:9:60: expected a stream (node.port) or {previous: node.port}, got a list",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n" DETECTOR "      - {node: hand_regions, inputs: {detections: source}}\n",
     "test.yaml:10:51: input 'detections' of node 'hand_regions' takes detections, this stream "
     "carries a frame",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n" DETECTOR DETECTOR,
     "test.yaml:10:9: a second node 'palm_detector'; give one of them another name",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, name: source, model: palm}\n",
     "test.yaml:9:9: a node can't be named 'source': that is the pipeline's source",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, name: a.b, model: palm}\n",
     "test.yaml:9:9: a node's name has no '.': 'a.b'", PERCEPT_MALFORMED},
    {HEAD "    nodes:\n"
          "      - {node: hand_regions, name: a, inputs: {tracked: b}}\n"
          "      - {node: hand_regions, name: b, inputs: {tracked: c}}\n"
          "      - {node: hand_regions, name: c, inputs: {tracked: b}}\n",
     "test.yaml:10:9: nodes wait for each other: b <- c <- b; read one of these streams as "
     "{previous: ...}",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n      - {node: palm_detector, model: palm, inputs: {frame: {previous: "
          "source}}}\n",
     "test.yaml:9:71: the source's previous frame is not kept", PERCEPT_UNSUPPORTED},
    /* ladders */
    {HEAD "    ladder: [{rate: 2}]\n",
     "test.yaml:8:21: rate: expected a number from 0.001 to 1, got '2'", PERCEPT_MALFORMED},
    {HEAD "    ladder: [{}]\n",
     "test.yaml:8:14: a step that changes nothing: expected rate, models or pause",
     PERCEPT_MALFORMED},
    {HEAD "    ladder: [{pause: true, rate: 0.5}]\n",
     "test.yaml:8:14: a pause has no rate and no models", PERCEPT_MALFORMED},
    {HEAD "    ladder: [{pause: true},{pause: true},{pause: true},{pause: true},{pause: true},"
          "{pause: true},{pause: true},{pause: true}]\n",
     "test.yaml:8:13: more than 7 steps", PERCEPT_LIMIT},
    {HEAD "    nodes:\n" DETECTOR "    ladder: [{models: {plam: landmark}}]\n",
     "test.yaml:10:24: no node of pipeline 'hands' has the model 'plam'; did you mean 'palm'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n" DETECTOR "    ladder: [{models: {palm: landmrk}}]\n",
     "test.yaml:10:30: no model 'landmrk' under models; did you mean 'landmark'?",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n" DETECTOR "    ladder: [{models: {palm: [landmark]}}]\n",
     "test.yaml:10:30: expected the name of a model, got a list", PERCEPT_MALFORMED},
    {"version: 1\nscheduler: {shaer: 0.1}\npipelines: {}\n",
     "test.yaml:2:13: unknown key 'shaer' in scheduler; did you mean 'share'?", PERCEPT_MALFORMED},
    /* topics */
    {HEAD "    topics: {Hands: source}\n",
     "test.yaml:8:14: 'Hands' is no name for a topic: expected up to 63 of a-z 0-9 . _ -, the "
     "first "
     "a letter or digit",
     PERCEPT_MALFORMED},
    {HEAD "    topics: {hands: source}\n",
     "test.yaml:8:14: topic 'hands' is called like a class of topics, but is of the class 'camera'",
     PERCEPT_MALFORMED},
    {HEAD "    nodes:\n" DETECTOR "    topics: {palms: palm_detector}\n",
     "test.yaml:10:21: a stream of detections can't be published; only frames, hands, their "
     "presence and tensors can",
     PERCEPT_MALFORMED},
    {"version: 1\npipelines:\n"
     "  a: {source: {type: images, paths: .}, topics: {frames: source}}\n"
     "  b: {source: {type: images, paths: .}, topics: {frames: source}}\n",
     "test.yaml:4:50: topic 'frames' is already published by pipeline 'a'", PERCEPT_MALFORMED},
    /* YAML itself */
    {"version: 1\npipelines: [\n",
     "test.yaml:3:1: not valid YAML: did not find expected node content while parsing a flow node "
     "(from line 3)",
     PERCEPT_MALFORMED},
    {"a: \"x\n",
     "test.yaml:2:1: not valid YAML: found unexpected end of stream while scanning a "
     "quoted scalar (from line 1)",
     PERCEPT_MALFORMED},
    {"a: \xff\n", "test.yaml:1: not valid YAML: invalid leading UTF-8 octet at byte 3",
     PERCEPT_MALFORMED},
    {"a: *b\n", "test.yaml:1:4: not valid YAML: found undefined alias", PERCEPT_MALFORMED},
    {"version: 1\n---\nversion: 1\n",
     "test.yaml:3:1: a second document; a configuration is one document", PERCEPT_MALFORMED},
    {"[a]: 1\n", "test.yaml:1:1: a key must be a plain name", PERCEPT_MALFORMED},
    {"a: ${PERCEPT_TEST_UNSET}\n",
     "test.yaml:1:4: environment variable PERCEPT_TEST_UNSET is not set "
     "(${PERCEPT_TEST_UNSET:-...} gives a default)",
     PERCEPT_NOT_FOUND},
    {"a: ${X\n", "test.yaml:1:4: '${' without '}'", PERCEPT_MALFORMED},
    {"a: ${}\n", "test.yaml:1:4: expected ${NAME} or ${NAME:-default}", PERCEPT_MALFORMED},
    {"a: ${X-y}\n", "test.yaml:1:4: expected ${NAME} or ${NAME:-default}", PERCEPT_MALFORMED},
    {"a: \"\\0\"\n", "test.yaml:1:4: a text with a NUL character in it", PERCEPT_MALFORMED},
};

START_TEST(a_mistake_is_told_with_its_place)
{
    refuse(wrong[_i].text, wrong[_i].status, wrong[_i].message);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    struct pipe_config *config;
    struct percept_error error = {0};
    char message[1024];
    ck_assert_int_eq(pipe_config_load("none.yaml", &config, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(percept_error_format(&error, message, sizeof message),
                     "none.yaml: No such file or directory");
    ck_assert_int_eq(pipe_config_load(".", &config, &error), PERCEPT_IO);
}
END_TEST

/* ---- limits ---- */

START_TEST(aliases_do_not_multiply)
{
    refuse("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
           "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
           "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
           PERCEPT_LIMIT, "test.yaml:1:4: more than 10000 values, aliases counted each time");
}
END_TEST

START_TEST(an_alias_of_itself_ends)
{
    refuse("a: &a [*a]\n", PERCEPT_LIMIT, "test.yaml:1:4: nested more than 16 deep");
}
END_TEST

START_TEST(depth_is_limited)
{
    char text[2048] = "a: ";
    for (int i = 0; i < 800; i++)
        strcat(text, "[");
    for (int i = 0; i < 800; i++)
        strcat(text, "]");
    refuse(text, PERCEPT_LIMIT, "test.yaml:1:20: nested more than 16 deep");
}
END_TEST

START_TEST(size_is_limited)
{
    char *text = malloc(PIPE_TREE_MAX_BYTES + 2);
    memset(text, '#', PIPE_TREE_MAX_BYTES + 1);
    text[PIPE_TREE_MAX_BYTES + 1] = '\0';
    refuse(text, PERCEPT_LIMIT, "test.yaml: more than 65536 bytes");
    free(text);
}
END_TEST

START_TEST(variables_do_not_grow_a_text_past_its_limit)
{
    char *value = malloc(3001);
    memset(value, 'x', 3000);
    value[3000] = '\0';
    setenv("PERCEPT_TEST_LONG", value, 1);
    refuse("a: ${PERCEPT_TEST_LONG}${PERCEPT_TEST_LONG}\n", PERCEPT_LIMIT,
           "test.yaml:1:4: a text of more than 4096 bytes");
    unsetenv("PERCEPT_TEST_LONG");
    free(value);
}
END_TEST

/* ---- classes from outside ---- */

static enum percept_status create_nothing(const struct pipe_node_setup *setup,
                                          struct pipe_node **node, struct percept_error *error)
{
    (void)setup, (void)node, (void)error;
    return PERCEPT_OK;
}

static enum percept_status process_nothing(struct pipe_node *node, const void *const *inputs,
                                           void *const *outputs, struct percept_error *error)
{
    (void)node, (void)inputs, (void)outputs, (void)error;
    return PERCEPT_OK;
}

static void destroy_nothing(struct pipe_node *node)
{
    (void)node;
}

START_TEST(a_node_class_from_outside_is_checked_before_it_is_used)
{
    static const struct pipe_port none[] = {{0}};
    static const struct pipe_port frames[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
    static const struct pipe_param reserved[] = {
        {.name = "inputs", .kind = PIPE_PARAM_INT, .help = "taken"}, {0}};
    static const struct pipe_node_class good = {.version = PIPE_NODE_VERSION,
                                                .name = "test_nothing",
                                                .inputs = frames,
                                                .outputs = none,
                                                .create = create_nothing,
                                                .process = process_nothing,
                                                .destroy = destroy_nothing};
    struct pipe_node_class bad = good;
    bad.version = PIPE_NODE_VERSION + 1;
    ck_assert_int_eq(pipe_node_register(&bad, NULL), PERCEPT_VERSION);
    bad = good;
    bad.process = NULL;
    ck_assert_int_eq(pipe_node_register(&bad, NULL), PERCEPT_INVALID);
    bad = good;
    bad.outputs = frames;
    ck_assert_int_eq(pipe_node_register(&bad, NULL), PERCEPT_INVALID);
    bad = good;
    bad.params = reserved;
    bad.params_size = sizeof(int64_t);
    ck_assert_int_eq(pipe_node_register(&bad, NULL), PERCEPT_INVALID);
    bad = good;
    bad.name = "one_euro";
    ck_assert_int_eq(pipe_node_register(&bad, NULL), PERCEPT_EXISTS);
    ck_assert_int_eq(pipe_node_register(&good, NULL), PERCEPT_OK);
    struct pipe_config *config =
        parse(HEAD "    nodes: [{node: test_nothing, inputs: {frame: source}}]\n");
    ck_assert_ptr_eq(config->pipelines[0].nodes[0].class, &good);
    pipe_config_destroy(config);
}
END_TEST

START_TEST(the_configurations_that_are_shipped_are_right)
{
    static const char *const files[] = {"demo", "camera",        "depth",
                                        "rgbd", "stereo-camera", "depth-camera"};
    char path[512];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct pipe_config *config = NULL;
        struct percept_error error = {0};
        char message[1024];
        snprintf(path, sizeof path, "%s/configs/%s.yaml", getenv("PERCEPT_SOURCE_DIR"), files[i]);
        enum percept_status status = pipe_config_load(path, &config, &error);
        ck_assert_msg(status == PERCEPT_OK, "%s",
                      percept_error_format(&error, message, sizeof message));
        pipe_config_destroy(config);
    }
}
END_TEST

/* ---- the guides ---- */

/* From `begin` to the next heading of the same kind. */
static char *read_section(const char *file, const char *begin)
{
    char path[512];
    static char text[65536];
    snprintf(path, sizeof path, "%s/docs/%s", getenv("PERCEPT_SOURCE_DIR"), file);
    FILE *stream = fopen(path, "r");
    ck_assert_msg(stream != NULL, "%s", path);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    char *start = strstr(text, begin);
    ck_assert_msg(start != NULL, "%s has no '%s'", file, begin);
    char *end = strstr(start + strlen(begin), "\n##");
    if (end)
        *end = '\0';
    return start;
}

static void expect_rows(const char *section, const struct pipe_param *params, const char *what)
{
    char row[96];
    for (const struct pipe_param *p = params; p && p->name; p++) {
        snprintf(row, sizeof row, "`%s`", p->name);
        ck_assert_msg(strstr(section, row) != NULL, "%s: parameter %s is not in its guide", what,
                      p->name);
    }
}

START_TEST(every_node_port_and_parameter_is_in_the_guide)
{
    for (size_t i = 0; pipe_node_classes[i]; i++) {
        const struct pipe_node_class *class = pipe_node_classes[i];
        char heading[96], row[96];
        snprintf(heading, sizeof heading, "\n## `%s`\n", class->name);
        const char *section = read_section("nodes.md", heading);
        expect_rows(section, class->params, class->name);
        for (const struct pipe_port *port = class->inputs; port->name; port++) {
            snprintf(row, sizeof row, "\n| `%s` | %s%s |", port->name,
                     pipe_stream_type_name(port->type), port->optional ? ", optional" : "");
            ck_assert_msg(strstr(section, row) != NULL, "%s: no row '%s'", class->name, row);
        }
        for (const struct pipe_port *port = class->outputs; port->name; port++) {
            snprintf(row, sizeof row, "\n| `%s` | %s |", port->name,
                     pipe_stream_type_name(port->type));
            ck_assert_msg(strstr(section, row) != NULL, "%s: no row '%s'", class->name, row);
        }
    }
}
END_TEST

START_TEST(every_source_and_its_parameters_are_in_the_guide)
{
    for (size_t i = 0; pipe_source_classes[i]; i++) {
        char heading[96];
        snprintf(heading, sizeof heading, "`type: %s`", pipe_source_classes[i]->name);
        expect_rows(read_section("configuration.md", heading), pipe_source_classes[i]->params,
                    pipe_source_classes[i]->name);
    }
}
END_TEST

static bool have_models(void)
{
    char path[512];
    const char *models = getenv("PERCEPT_MODELS");
    snprintf(path, sizeof path, "%s/palm_detection_lite.fp32.pte", models ? models : "");
    return access(path, R_OK) == 0;
}

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, a_whole_configuration_is_read);
    tcase_add_test(tests, a_step_of_a_ladder_may_have_other_models);
    tcase_add_test(tests, what_is_not_given_has_its_default);
    tcase_add_test(tests, nodes_run_after_their_inputs_whatever_the_order_in_the_file);
    tcase_add_test(tests, environment_variables_are_replaced_except_in_single_quotes);
    tcase_add_test(tests, paths_are_relative_to_the_file);
    tcase_add_loop_test(tests, a_mistake_is_told_with_its_place, 0,
                        (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tests, a_missing_file_is_named);
    tcase_add_test(tests, aliases_do_not_multiply);
    tcase_add_test(tests, an_alias_of_itself_ends);
    tcase_add_test(tests, depth_is_limited);
    tcase_add_test(tests, size_is_limited);
    tcase_add_test(tests, variables_do_not_grow_a_text_past_its_limit);
    tcase_add_test(tests, a_node_class_from_outside_is_checked_before_it_is_used);
    tcase_add_test(tests, every_node_port_and_parameter_is_in_the_guide);
    tcase_add_test(tests, every_source_and_its_parameters_are_in_the_guide);
    if (have_models()) /* the zoo's files are named in them */
        tcase_add_test(tests, the_configurations_that_are_shipped_are_right);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
