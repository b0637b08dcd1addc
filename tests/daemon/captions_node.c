/*
 * A node plugin that says what a text file has, a line an utterance: first half of it, as a caption
 * that may still change, with the next frame all of it, final. A line that is added to the file is
 * said, too. Samples have the last captions, as those of a speech recogniser do.
 *
 * A line is "SIDE LANGUAGE TEXT", or "SIDE LANGUAGE TEXT => TRANSLATION" (into Portuguese); with
 * "=>>" the translation comes some frames later, without another version. Bytes may be anything.
 *
 * It can be slow, as a driver that hangs is: more files are read when it is made, with the first
 * frame and in the end, which of a FIFO takes until somebody has opened the other end, and closed
 * it.
 */
#include <pipelines/node_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct params {
    const char *file, *made, *begins, *ends;
};

struct pipe_node {
    const struct params *params;
    FILE *file;
    bool begun;
    uint64_t last; /* utterance */
    bool speaking;
    struct percept_caption said[PERCEPT_CAPTIONS_MAX];
    uint32_t count;
    char late[PERCEPT_CAPTION_BYTES]; /* translation of the newest, which comes yet; "": none */
    int frames;                       /* until then */
};

static void wait_for(const char *name)
{
    FILE *file = name ? fopen(name, "r") : NULL;
    while (file && fgetc(file) != EOF)
        ;
    if (file)
        fclose(file);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **result,
                                  struct percept_error *error)
{
    const struct params *params = setup->params;
    struct pipe_node *node = calloc(1, sizeof *node);
    if (node)
        node->file = fopen(params->file, "r");
    if (!node || !node->file) {
        free(node);
        return percept_fail(error, PERCEPT_NOT_FOUND, "no file '%s'", params->file);
    }
    node->params = params;
    wait_for(params->made);
    *result = node;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *node)
{
    if (!node)
        return;
    wait_for(node->params->ends);
    fclose(node->file);
    free(node);
}

static void cut(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);
    memset(to, 0, size);
    memcpy(to, from, length < size ? length : size - 1);
}

/* A whole line, or nothing yet. */
static bool read_line(FILE *file, char *line, int size)
{
    long at = ftell(file);
    clearerr(file);
    if (!fgets(line, size, file))
        return false;
    size_t length = strlen(line);
    if (length == 0 || line[length - 1] != '\n') {
        fseek(file, at, SEEK_SET);
        return false;
    }
    line[length - 1] = '\0';
    return true;
}

static void begin(struct pipe_node *node, int64_t now, char *line)
{
    if (node->count == PERCEPT_CAPTIONS_MAX)
        memmove(&node->said[0], &node->said[1], --node->count * sizeof node->said[0]);
    struct percept_caption *caption = &node->said[node->count++];
    char *text = strlen(line) > 5 ? line + 5 : line, *arrow = strstr(text, " => ");
    *caption = (struct percept_caption){
        .id = ++node->last, .begin_ns = now, .end_ns = now, .version = 1, .score = -0.25f};
    caption->side = line[0] == '1';
    memcpy(caption->language, line + 2, 2);
    char *later = strstr(text, " =>> ");
    if (later) {
        *later = '\0';
        cut(node->late, sizeof node->late, later + 5);
        node->frames = 20;
    }
    if (arrow) {
        *arrow = '\0';
        cut(caption->translation, sizeof caption->translation, arrow + 4);
        cut(caption->translation_language, sizeof caption->translation_language, "pt");
    }
    cut(caption->text, sizeof caption->text, text);
    node->speaking = true;
}

static void end(struct pipe_node *node, int64_t now)
{
    struct percept_caption *caption = &node->said[node->count - 1];
    caption->end_ns = now;
    caption->final = 1;
    caption->version = 2;
    caption->stable_bytes = (uint32_t)strlen(caption->text);
    node->speaking = false;
}

static void translate(struct pipe_node *node)
{
    struct percept_caption *caption = &node->said[node->count - 1];
    if (--node->frames > 0)
        return;
    cut(caption->translation, sizeof caption->translation, node->late);
    cut(caption->translation_language, sizeof caption->translation_language, "pt");
    node->late[0] = '\0';
}

static enum percept_status process(struct pipe_node *node, const void *const *inputs,
                                   void *const *outputs, struct percept_error *error)
{
    const struct pipe_frame *frame = inputs[0];
    struct percept_captions *out = outputs[0];
    char line[1024];
    (void)error;
    if (!node->begun)
        wait_for(node->params->begins);
    node->begun = true;
    if (node->speaking)
        end(node, frame->capture_ns);
    else if (node->late[0])
        translate(node); /* nothing else is said until then */
    else if (read_line(node->file, line, sizeof line))
        begin(node, frame->capture_ns, line);
    *out = (struct percept_captions){
        .capture_ns = frame->capture_ns, .speaking = node->speaking, .caption_count = node->count};
    memcpy(out->captions, node->said, node->count * sizeof node->said[0]);
    if (node->speaking) { /* what is not final is not all of it */
        char *text = out->captions[node->count - 1].text;
        size_t half = strlen(text) / 2;
        memset(text + half, 0, PERCEPT_CAPTION_BYTES - half);
    }
    return PERCEPT_OK;
}

static const struct pipe_param params[] = {
    {.name = "file",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, file),
     .required = true,
     .help = "what is said"},
    {.name = "made",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, made),
     .help = "read when it is made"},
    {.name = "begins",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, begins),
     .help = "read with the first frame"},
    {.name = "ends",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, ends),
     .help = "read in the end"},
    {0},
};
static const struct pipe_port frames[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
static const struct pipe_port captions[] = {{.name = "captions", .type = PIPE_CAPTIONS}, {0}};

static const struct pipe_node_class said_class = {.version = PIPE_NODE_VERSION,
                                                  .name = "said",
                                                  .summary = "says what a file has",
                                                  .inputs = frames,
                                                  .outputs = captions,
                                                  .params = params,
                                                  .params_size = sizeof(struct params),
                                                  .create = create,
                                                  .process = process,
                                                  .destroy = destroy};
PIPE_NODE_PLUGIN(&said_class);
