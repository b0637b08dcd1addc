/*
 * A configured model as nodes see it: prt's model, and the accounts that the engine keeps of it.
 *
 * The models of a pipeline share the memory of their tensors (prt_arena), since its thread runs one
 * after the other. So a node fills the whole input before each run, and takes what it needs of the
 * outputs before it runs another model or returns.
 */
#ifndef PIPELINES_MODEL_H
#define PIPELINES_MODEL_H

#include "base/status.h"
#include "runtime/prt.h"

struct pipe_model;

/* For specs and data; owned by the pipe_model. Run it through pipe_model_run only. */
struct prt_model *pipe_model_prt(struct pipe_model *model);

/* prt_model_run, with its time added to the frame's and to the model's statistics. */
enum percept_status pipe_model_run(struct pipe_model *model, struct percept_error *error);

/* prt_model_resize_input of the first input. The time in which it is planned for sizes that it has
 * not met before is none that a frame has to be feared to take. */
enum percept_status pipe_model_resize(struct pipe_model *model, unsigned rank, const int32_t *sizes,
                                      struct percept_error *error);

/* An image net's input: a tensor float32 [1, 3, size, size] or [1, size, size, 3]. */
struct pipe_image_input {
    float *data;            /* the model's own input memory */
    uint32_t size;          /* width and height */
    bool planar;            /* in memory: 3 planes, else 3 interleaved channels */
    struct base_pool *pool; /* the model's, for filling it; NULL: the caller's thread only */
};

/* INVALID when input 0 is anything else, or not the only one. */
enum percept_status pipe_model_image_input(struct pipe_model *model, struct pipe_image_input *input,
                                           struct percept_error *error);

/* Output `index`, which must be float32 with `count` elements in row-major order. */
enum percept_status pipe_model_output(struct pipe_model *model, size_t index, size_t count,
                                      const float **data, struct percept_error *error);

#endif
