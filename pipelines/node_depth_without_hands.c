/* Why: a hand before the camera is not part of the room, and who occludes or collides with the room
 * does not want a hand's shape in it. */
#include "pipelines/depth_map.h"
#include "pipelines/disparity.h"
#include "pipelines/node.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct params {
    int64_t max_pixels;
    double margin, thickness;
    bool fill;
};

static const struct pipe_param params[] = {
    {.name = "max_pixels",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, max_pixels),
     .fallback = 640 * 480,
     .min = 1,
     .max = PIPE_DEPTH_MAX_SIDE * PIPE_DEPTH_MAX_SIDE,
     .help = "width * height of the largest map that is taken"},
    {.name = "margin",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, margin),
     .fallback = 0.3,
     .max = 2,
     .help = "how far around the bones to look, in lengths of the palm"},
    {.name = "thickness",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, thickness),
     .fallback = 0.15,
     .min = 0.01,
     .max = 1,
     .help = "metres before and behind its joints that are taken for the hand"},
    {.name = "fill",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, fill),
     .fallback = 1,
     .help = "fill in what is behind from beside it, with confidence 1; false: it is not known"},
    {0},
};

enum { IN_DEPTH, IN_HANDS };
static const struct pipe_port inputs[] = {
    {.name = "depth", .type = PIPE_DEPTH},
    {.name = "hands", .type = PIPE_HANDS},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "depth", .type = PIPE_DEPTH}, {0}};

struct pipe_node {
    const struct params *params;
};

static void destroy(struct pipe_node *n)
{
    free(n);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    *node = n;
    return PERCEPT_OK;
}

static size_t output_bytes(const struct pipe_node *n, unsigned output)
{
    (void)output;
    /* Each map may begin a little later than it must. */
    return pipe_depth_bytes((uint32_t)n->params->max_pixels, 1);
}

/* ---- one hand ---- */

/* From joint to joint: fingers, then across the palm. */
static const uint8_t bones[][2] = {
    {0, 1},   {1, 2},   {2, 3},   {3, 4},   {5, 6},   {6, 7},   {7, 8},
    {9, 10},  {10, 11}, {11, 12}, {13, 14}, {14, 15}, {15, 16}, {17, 18},
    {18, 19}, {19, 20}, {0, 5},   {0, 9},   {0, 13},  {0, 17},  {5, 17},
};
#define BONES (sizeof bones / sizeof bones[0])

/* Joints in pixels of the map. */
struct hand {
    float at[PERCEPT_HAND_LANDMARKS][2];
    float reach; /* pixels around bones */
    float depth; /* metres; 0: not known */
    int left, top, right, bottom;
};

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Where most of its joints are: the nearer half decides, for between fingers one sees the room. */
static float depth_of(const struct pipe_depth *depth, const struct hand *hand)
{
    float seen[PERCEPT_HAND_LANDMARKS];
    size_t count = 0;
    for (unsigned i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        float x = hand->at[i][0], y = hand->at[i][1];
        if (!(x >= 0 && y >= 0 && x < (float)depth->width && y < (float)depth->height))
            continue;
        float z = depth->metres[(size_t)y * depth->width + (size_t)x];
        if (z > 0)
            seen[count++] = z;
    }
    if (!count)
        return 0;
    qsort(seen, count, sizeof seen[0], by_value);
    return seen[count / 3];
}

static bool place(const struct pipe_depth *depth, const struct percept_hands *hands, uint32_t index,
                  double margin, struct hand *out)
{
    const struct percept_hand *from = &hands->hands[index];
    float wide = (float)depth->width / (float)hands->image_width;
    float high = (float)depth->height / (float)hands->image_height;
    float box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (unsigned i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        float x = from->image[i][0] * wide, y = from->image[i][1] * high;
        if (!isfinite(x) || !isfinite(y))
            return false;
        out->at[i][0] = x;
        out->at[i][1] = y;
        box[0] = fminf(box[0], x);
        box[1] = fminf(box[1], y);
        box[2] = fmaxf(box[2], x);
        box[3] = fmaxf(box[3], y);
    }
    float palm = hypotf(out->at[9][0] - out->at[0][0], out->at[9][1] - out->at[0][1]);
    out->reach = fmaxf((float)margin * palm, 1);
    float most_x = (float)depth->width - 1, most_y = (float)depth->height - 1;
    out->left = (int)fminf(fmaxf(box[0] - out->reach, 0), most_x);
    out->top = (int)fminf(fmaxf(box[1] - out->reach, 0), most_y);
    out->right = (int)fmaxf(fminf(box[2] + out->reach, most_x), 0);
    out->bottom = (int)fmaxf(fminf(box[3] + out->reach, most_y), 0);
    out->depth = depth_of(depth, out);
    return out->depth > 0;
}

/* Within reach of a bone? */
static bool is_near(const struct hand *hand, float x, float y)
{
    for (size_t i = 0; i < BONES; i++) {
        const float *a = hand->at[bones[i][0]], *b = hand->at[bones[i][1]];
        float dx = b[0] - a[0], dy = b[1] - a[1], length = dx * dx + dy * dy;
        float along = length > 0 ? ((x - a[0]) * dx + (y - a[1]) * dy) / length : 0;
        along = along < 0 ? 0 : along > 1 ? 1 : along;
        float off_x = a[0] + along * dx - x, off_y = a[1] + along * dy - y;
        if (off_x * off_x + off_y * off_y < hand->reach * hand->reach)
            return true;
    }
    return false;
}

static void remove_hand(const struct hand *hand, float thickness, struct pipe_depth *depth)
{
    for (int y = hand->top; y <= hand->bottom; y++)
        for (int x = hand->left; x <= hand->right; x++) {
            size_t at = (size_t)y * depth->width + (size_t)x;
            float off = depth->metres[at] - hand->depth;
            if (depth->metres[at] > 0 && off < thickness && off > -thickness &&
                is_near(hand, (float)x + 0.5F, (float)y + 0.5F)) {
                depth->metres[at] = 0;
                depth->confidence[at] = 0;
            }
        }
}

/* Holes within the hand's rows take the farther of what is beside them. */
static void fill(const struct hand *hand, struct pipe_depth *depth)
{
    int width = (int)depth->width;
    for (int y = hand->top; y <= hand->bottom; y++) {
        float *row = depth->metres + (size_t)y * depth->width;
        uint8_t *confidence = depth->confidence + (size_t)y * depth->width;
        for (int x = hand->left; x <= hand->right; x++) {
            int end = x;
            while (end < width && !(row[end] > 0))
                end++;
            if (end == x)
                continue;
            float before = x > 0 ? row[x - 1] : 0, after = end < width ? row[end] : 0;
            float farther = before > after ? before : after;
            for (; x < end; x++) {
                row[x] = farther;
                confidence[x] = farther > 0 ? DISPARITY_FILLED : 0;
            }
        }
    }
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_depth *from = in[IN_DEPTH];
    const struct percept_hands *hands = in[IN_HANDS];
    struct pipe_depth *to = out[0];
    size_t pixels = (size_t)from->width * from->height;
    if (pixels > (size_t)n->params->max_pixels)
        return percept_fail(error, PERCEPT_LIMIT, "a map of %u x %u pixels; max_pixels is %lld",
                            from->width, from->height, (long long)n->params->max_pixels);
    *to = *from;
    pipe_depth_place(to, from->width, from->height);
    memcpy(to->metres, from->metres, pixels * sizeof *to->metres);
    memcpy(to->confidence, from->confidence, pixels);
    for (uint32_t i = 0; i < hands->hand_count && i < PERCEPT_HANDS_MAX; i++) {
        struct hand hand;
        if (!hands->image_width || !hands->image_height ||
            !place(from, hands, i, n->params->margin, &hand))
            continue;
        remove_hand(&hand, (float)n->params->thickness, to);
        if (n->params->fill)
            fill(&hand, to);
    }
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_depth_without_hands = {
    .version = PIPE_NODE_VERSION,
    .name = "depth_without_hands",
    .summary = "A depth map without the hands in it",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
    .output_bytes = output_bytes,
};
