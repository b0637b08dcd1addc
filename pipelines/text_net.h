/* The nets of text as their nodes see them: pictures of any size in, blue first and -1..1. */
#ifndef PIPELINES_TEXT_NET_H
#define PIPELINES_TEXT_NET_H

#include "pipelines/node.h"

/* Where a picture is written to. */
struct pipe_picture {
    float *data;
    uint32_t width, height;
    int64_t step_x, step_y, step_channel; /* in elements */
};

struct pipe_text_net {
    struct pipe_model *model;
    const char *name;
    struct pipe_picture input;        /* valid until another model of the pipeline runs or is set */
    uint32_t most_width, most_height; /* == the input's own where the net's shape is fixed */
    bool fixed;
};

/* Open the model and check that it takes one float32 [1, 3, height, width]. */
enum percept_status pipe_text_net_open(const struct pipe_node_setup *setup, const char *name,
                                       struct pipe_text_net *net, struct percept_error *error);

/*
 * Choose the size of the picture, and fill in `input`. A size that was not among the last eight
 * takes an import of the program and memory; one that was costs nothing. LIMIT and INVALID where
 * the net does not take it.
 */
enum percept_status pipe_text_net_resize(struct pipe_text_net *net, uint32_t width, uint32_t height,
                                         struct percept_error *error);

/* The only output: float32 of `rank` sizes, row-major, of which sizes are given back. */
enum percept_status pipe_text_net_output(const struct pipe_text_net *net, unsigned rank,
                                         uint32_t sizes[4], const float **data,
                                         struct percept_error *error);

#endif
