/*
 * Two kinds of nodes as a plugin: `brightness` measures each frame, `top_k` tells the best classes
 * of a classifier's scores. A start for nodes of your own: docs/nodes.md, and pipelines/node.h for
 * what each function promises.
 */
#include <pipelines/node_plugin.h>

#include <stdlib.h>
#include <string.h>

struct pipe_node { /* both kinds' */
    int64_t k;
};

struct params {
    int64_t k;
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct params *params = setup->params;
    struct pipe_node *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a node");
    made->k = params->k;
    *node = made;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *node)
{
    free(node);
}

/* A tensor of a row, in the output's own room from byte `at` on. */
static void *add_tensor(struct pipe_tensors *out, size_t at, const char *name, uint32_t dtype,
                        uint32_t count, size_t bytes)
{
    void *data = (char *)out + PIPE_TENSORS_ROOM + at;
    out->items[out->count++] = (struct pipe_tensor){
        .name = name, .dtype = dtype, .rank = 1, .sizes = {count}, .data = data, .bytes = bytes};
    return data;
}

/* ---- brightness ---- */

static size_t brightness_bytes(const struct pipe_node *node, unsigned output)
{
    (void)node;
    (void)output;
    return PIPE_TENSOR_ALIGNMENT; /* one float, rounded up */
}

static enum percept_status brightness(struct pipe_node *node, const void *const *inputs,
                                      void *const *outputs, struct percept_error *error)
{
    const struct pipe_frame *frame = inputs[0];
    struct pipe_tensors *out = outputs[0];
    uint64_t sum = 0;
    (void)node;
    (void)error; /* nothing can go wrong */
    for (uint32_t y = 0; y < frame->height; y++)
        for (uint32_t x = 0; x < 3 * frame->width; x++)
            sum += frame->pixels[(size_t)y * frame->stride + x];
    double mean = (double)sum / (3.0 * frame->width * frame->height * 255);
    *out = (struct pipe_tensors){.capture_ns = frame->capture_ns,
                                 .frame = frame->number,
                                 .image_width = frame->width,
                                 .image_height = frame->height,
                                 .image_rect = {0, 0, (float)frame->width, (float)frame->height}};
    *(float *)add_tensor(out, 0, "mean", PERCEPT_FLOAT32, 1, sizeof(float)) = (float)mean;
    return PERCEPT_OK;
}

/* ---- top_k ---- */

static size_t top_k_bytes(const struct pipe_node *node, unsigned output)
{
    (void)output;
    return 2 * (((size_t)node->k * 4 + PIPE_TENSOR_ALIGNMENT - 1) &
                ~(size_t)(PIPE_TENSOR_ALIGNMENT - 1));
}

static enum percept_status top_k(struct pipe_node *node, const void *const *inputs,
                                 void *const *outputs, struct percept_error *error)
{
    const struct pipe_tensors *in = inputs[0];
    struct pipe_tensors *out = outputs[0];
    const struct pipe_tensor *scores = &in->items[0];
    size_t count = scores->bytes / sizeof(float), k = (size_t)node->k;
    if (in->count != 1 || scores->dtype != PERCEPT_FLOAT32 || count < k)
        return percept_fail(error, PERCEPT_INVALID, "expected one tensor of at least %zu floats",
                            k);
    *out = *in; /* the frame it is of */
    out->count = 0;
    int32_t *classes = add_tensor(out, 0, "class", PERCEPT_INT32, (uint32_t)k, k * 4);
    float *best =
        add_tensor(out, top_k_bytes(node, 0) / 2, "score", PERCEPT_FLOAT32, (uint32_t)k, k * 4);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) { /* insertion; a NaN never gets in */
        float score = ((const float *)scores->data)[i];
        size_t at = used;
        while (at > 0 && score > best[at - 1])
            at--;
        if (at == k || score != score)
            continue;
        used += used < k;
        memmove(best + at + 1, best + at, (used - at - 1) * sizeof *best);
        memmove(classes + at + 1, classes + at, (used - at - 1) * sizeof *classes);
        best[at] = score;
        classes[at] = (int32_t)i;
    }
    return used == k ? PERCEPT_OK
                     : percept_fail(error, PERCEPT_INVALID, "fewer than %zu scores are numbers", k);
}

/* ---- the classes ---- */

#define brightness_params NULL
static const struct pipe_param top_k_params[] = {
    {.name = "k",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, k),
     .fallback = 5,
     .min = 1,
     .max = 100,
     .help = "classes to tell"},
    {0},
};
static const struct pipe_port frames[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
static const struct pipe_port tensors[] = {{.name = "tensors", .type = PIPE_TENSORS}, {0}};

#define CLASS(text, help, ports, run)                                                     \
    {                                                                                     \
        .version = PIPE_NODE_VERSION, .name = text, .summary = help, .inputs = ports,     \
        .outputs = tensors, .params = run##_params, .params_size = sizeof(struct params), \
        .create = create, .process = run, .destroy = destroy, .output_bytes = run##_bytes \
    }

static const struct pipe_node_class brightness_class =
    CLASS("brightness", "the mean of a frame", frames, brightness);
static const struct pipe_node_class top_k_class =
    CLASS("top_k", "the best of a classifier's scores", tensors, top_k);

PIPE_NODE_PLUGIN(&brightness_class, &top_k_class);
