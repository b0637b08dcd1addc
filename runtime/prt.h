/*
 * Percept's runtime alone: load a `.pte`, run it.
 *
 *     struct prt_program *program;
 *     struct prt_model *model;
 *     prt_program_open("net.pte", &program, &error);
 *     prt_model_create(program, &(struct prt_model_options){.backends = list, .pool = pool},
 * &model, &error); memcpy(prt_model_input_data(model, 0), pixels, size); prt_model_run(model,
 * &error); const float *y = prt_model_output_data(model, 0);
 *
 * A model is one method, compiled. One thread at a time may use a model; different models may run
 * at once and share a pool and a program, and one thread may have several that run beside it
 * (prt_model_start).
 */
#ifndef RUNTIME_PRT_H
#define RUNTIME_PRT_H

#include "base/status.h"
#include "base/thread_pool.h"
#include "runtime/backend.h"
#include "runtime/buffer.h"
#include "runtime/placement.h"
#include "runtime/program.h"
#include "runtime/tensor.h"

struct prt_model;

/*
 * Memory for the tensors of models that never run at once, such as the methods of one program or
 * the steps of a pipeline: as much as the largest needs, and where a backend's device has memory
 * that it shares with the host less than four times that, by the order in which models are made. A
 * model without one has its own.
 *
 * Models of an arena are run by one thread at a time. When one has run, or was set to other numbers
 * or sizes, nothing is left of the inputs and outputs of the others, nor of its own inputs after it
 * was set: write all inputs before each run, and take outputs before the next. States are the
 * model's own. Models may be made while another runs.
 */
struct prt_arena;

enum percept_status prt_arena_create(struct prt_arena **arena, struct percept_error *error);
void prt_arena_destroy(struct prt_arena *arena); /* after its models; NULL is fine */
size_t prt_arena_bytes(const struct prt_arena *arena);

#define PRT_MEASURE_NS 2000000000LL /* what measure_ns is where nobody has a better idea */

struct prt_model_options {
    const char *method; /* NULL: "forward" */
    const struct prt_backend *const
        *backends; /* NULL-terminated, most preferred first, at most 8; the list may go after */
    struct base_pool *pool;  /* NULL: single-threaded; must outlive the model */
    struct prt_arena *arena; /* NULL: of its own; must outlive the model */
    /* Numbers and sizes of the first inputs, as prt_model_choose takes them: what a model runs at
     * from the start. It need not outlive the call. */
    const struct prt_choice *choices;
    size_t choice_count;
    /* Folder for packed weights and graphs after their passes, NULL: none. A model that was made
     * before by this build, on this machine and of the same unchanged file is then made faster (its
     * graph is kept for the choices of a new model only), and its weights take no memory beside
     * those of other processes that have it. The folder is made if it is missing; it must be
     * this user's, and nobody else's to write. What is in it is checked, and is only ever a help:
     * what is damaged is written again, and where nothing can be written, nothing fails. Files in
     * it may be removed at any time, but not truncated while they are in use. Must outlive the
     * model.
     */
    const char *cache;
    /* Floats between nodes may be of 16 bits where the backend has an advantage of it: half the
     * traffic, and errors of some 1e-3 of a tensor's range. The CPU backend ignores it. */
    bool half;
    /* Who is asked between the steps of a run whether to go on (backend.h); NULL: nobody. Must
     * outlive the model. Runs to measure, as the model is made, ask too. */
    struct prt_yield *yield;
    /* Whose work a device that several models share does first. */
    enum prt_priority priority;
    /* Time that each segment may take, more or less, to try which of its kernels' sizes are
     * quickest on its device. What was found is kept in the cache, for all models. 0: what is there
     * is used. */
    int64_t tune_ns;
    /* Time to find out, as the model is made, which of the backends run it the quickest: alone, or
     * some pieces here and others there. Then the list is a choice, whose order only decides what
     * the device's memory is and who takes over. It is spent between runs, so one that takes
     * longer takes longer, and on data of our own. What was found is kept in the cache, for models
     * without choices. Numbers and sizes that come later have the backends that won, in the list's
     * order. prt_model_placed has the figures. 0: the list is an order of preference, as it is for
     * observable models and for prt_model_from_graph. */
    int64_t measure_ns;
    bool no_fusion;  /* run the graph as imported; for finding numeric differences */
    bool observable; /* a segment for each node, for prt_model_run_observed; slower */
};

enum percept_status prt_model_create(const struct prt_program *program,
                                     const struct prt_model_options *options,
                                     struct prt_model **model, struct percept_error *error);
/* The same for a graph made by hand or changed after its import. The model owns the graph on
 * success; on failure it stays the caller's, fit only to be destroyed. */
enum percept_status prt_model_from_graph(struct prt_graph *graph,
                                         const struct prt_model_options *options,
                                         struct prt_model **model, struct percept_error *error);
void prt_model_destroy(struct prt_model *model); /* NULL is fine; the program may be closed after */

size_t prt_model_input_count(const struct prt_model *model);
size_t prt_model_output_count(const struct prt_model *model);
/* Sizes, dtype, and the dim_order in which the data must be; valid as long as the model. NULL for
 * an index out of range or a non-tensor. */
const struct prt_tensor *prt_model_input_spec(const struct prt_model *model, size_t index);
const struct prt_tensor *prt_model_output_spec(const struct prt_model *model, size_t index);

/*
 * Where the caller writes an input and reads an output: prt_tensor_bytes of the spec, 64-byte
 * aligned, owned by the model. Inputs keep their contents between runs; outputs are valid until the
 * next run.
 */
void *prt_model_input_data(struct prt_model *model, size_t index);
const void *prt_model_output_data(const struct prt_model *model, size_t index);

/* Copy row-major data in (permuting to the input's dim_order as needed); size must match. */
enum percept_status prt_model_set_input(struct prt_model *model, size_t index, const void *data,
                                        size_t size, struct percept_error *error);
/* Copy an output out in row-major order. */
enum percept_status prt_model_get_output(const struct prt_model *model, size_t index, void *data,
                                         size_t size, struct percept_error *error);

/*
 * Let an input or output be in a buffer (buffer.h), from its byte `offset` on: what
 * prt_model_input_data and output_data tell from then on. The tensor's bytes lie as its spec says.
 * A run reads the frame and writes the result there, without copies where the backend's device can
 * use the buffer, and with them otherwise: where an output shares its memory with another tensor
 * (then output_data is the model's), is no multiple of 4 bytes long, or a device cannot have the
 * buffer. When a device is lost, the others go on with the buffer as the host sees it. Binding
 * again is how to go from frame to frame; without a buffer the tensor is in the model's own memory
 * again, with undefined contents.
 *
 * What is bound stays so when numbers or sizes change: INVALID, there or in the run that finds
 * them, when it does not fit any more. Input and output buffers must not overlap.
 *
 * INVALID, and all is as it was, when there is no such tensor, when it does not fit into the
 * buffer, when its address would not be a multiple of 64 bytes, and for an output when the buffer
 * may be read only. UNSUPPORTED in a build for some programs (docs/selection.md).
 */
enum percept_status prt_model_bind_input(struct prt_model *model, size_t index,
                                         struct prt_buffer *buffer, size_t offset,
                                         struct percept_error *error);
enum percept_status prt_model_bind_output(struct prt_model *model, size_t index,
                                          struct prt_buffer *buffer, size_t offset,
                                          struct percept_error *error);

/*
 * Inputs and outputs that are numbers (NONE for tensors, for None and for an index out of range).
 * Numbers decide loops and sizes, so a method is compiled for each combination of them: setting one
 * that was not among the last eight takes as long as making the model. Tensor inputs keep their
 * contents, but their addresses and specs, and those of the outputs, are to be asked for again.
 * INVALID when the input is no number of that kind; on failure the model is as it was.
 */
enum percept_status prt_model_set_scalar(struct prt_model *model, size_t index,
                                         struct prt_scalar scalar, struct percept_error *error);
struct prt_scalar prt_model_input_scalar(const struct prt_model *model, size_t index);
struct prt_scalar prt_model_output_scalar(const struct prt_model *model, size_t index);

/*
 * Inputs of dynamic shape. A new model runs at the upper bounds that the program states, unless its
 * options choose; here an
 * input gets other sizes, in elements, one for each of its `rank` dimensions, and the outputs those
 * that follow (ask for their specs again). A method is compiled for each combination of sizes and
 * numbers, with an arena of its own and weights that are shared; what is said of set_scalar holds.
 * An input that was resized holds zeros or what it held when it last had these sizes.
 *
 * INVALID, and the model is as it was, when a size is negative or above its bound ("input 0: size 2
 * is 300, at most 256"), when the input is of fixed shape and the sizes are not its own, and when
 * an operator has no result for operands of such sizes, as when two inputs must be alike: those are
 * chosen together, by prt_model_choose. UNSUPPORTED names an operator of which the size of the
 * result is not known to the runtime.
 */
enum percept_status prt_model_resize_input(struct prt_model *model, size_t index, unsigned rank,
                                           const int32_t *sizes, struct percept_error *error);
/* Numbers and sizes of the first `count` inputs at once, compiled once. A zeroed entry leaves its
 * input as it is. */
enum percept_status prt_model_choose(struct prt_model *model, const struct prt_choice *choices,
                                     size_t count, struct percept_error *error);
/* The largest that an input or output may be; NULL when its shape is fixed (see program.h). Valid
 * as long as the program. */
const struct prt_tensor *prt_model_input_bound(const struct prt_model *model, size_t index);
const struct prt_tensor *prt_model_output_bound(const struct prt_model *model, size_t index);

/* A run changes the model's states (a KV cache) when it succeeds; one that fails may have changed
 * elements of those that it would have changed in part only. This makes them what they were
 * before the first run. */
void prt_model_reset_state(struct prt_model *model);

/*
 * Sizes that only the data tell (how many elements of a mask are true) are taken to be those of the
 * run before, the largest in the first. A run that finds another one compiles the method for it, as
 * if it had been chosen, and begins again: ask for the outputs' specs after it. Such a run
 * allocates.
 *
 * A backend other than the host's own that fails is left at once: the run goes on from its
 * beginning on those that follow it in the options' list, and ends as if nothing had happened
 * (prt_model_gave_up). Only elements of a state that changes where it lies may have been changed
 * twice.
 */
enum percept_status prt_model_run(struct prt_model *model, struct percept_error *error);

/*
 * The same run in two steps, for a caller with something else to do, such as to start another
 * model. Start returns when a device is at work, or when all is computed: nodes of a backend that
 * computes on the caller's thread (the CPU) run in it, up to the first that a device runs. What
 * follows those runs in wait, which is also where a run that fails is told, and where one begins
 * again.
 *
 * From start to wait the inputs and outputs are the run's: do not touch their data. What would, or
 * would have the model run or be something else, is refused with BUSY, as it is for the other
 * models of its arena. A wait without a start is INVALID. prt_model_destroy may come at any time,
 * and prt_model_reset_state waits.
 */
enum percept_status prt_model_start(struct prt_model *model, struct percept_error *error);
enum percept_status prt_model_wait(struct prt_model *model, struct percept_error *error);

/* ---- looking inside ---- */

struct prt_model_stats {
    size_t arena_bytes; /* activations */
    size_t scratch_bytes;
    size_t constant_bytes; /* of the program, as mapped */
    uint32_t node_count, segment_count;
    int64_t load_ns;                 /* import + passes + compile */
    struct prt_segment_stats device; /* the sum over its segments */
};
void prt_model_stats(const struct prt_model *model, struct prt_model_stats *stats);

/* For how many numbers and sizes it is planned: one more where it meets new ones, until there are
 * so many that old ones are forgotten. */
unsigned prt_model_plans(const struct prt_model *model);

const struct prt_graph *prt_model_graph(const struct prt_model *model); /* after the passes */
/* Backend that runs a node of prt_model_graph. */
const struct prt_backend *prt_model_placement(const struct prt_model *model, uint32_t node);

/* What was measured to choose among the backends (measure_ns); NULL when nothing was. Valid as long
 * as the model. */
const struct prt_placement *prt_model_placed(const struct prt_model *model);

/* NULL, or why a backend of the options does not run its part (its device was lost, or is out of
 * memory): those that follow it in the list have taken over. For good, unless the backend can tell
 * that it is well again (backend.h): then a later run is its own, and this is NULL. Numbers and
 * sizes that are new to the model begin with the whole list. */
const char *prt_model_gave_up(const struct prt_model *model);

/* Run once, recording when each node of prt_model_graph ran. times has node_count entries.
 * CANCELLED when the data have other sizes than before, and with them another graph: run again. */
enum percept_status prt_model_run_profiled(struct prt_model *model, struct prt_step_time *times,
                                           struct percept_error *error);

/*
 * Run once and show what each node of prt_model_graph computed, in order. data lies as the node's
 * result says, and is valid during the call only: later nodes take its place. INVALID when the
 * model is not observable.
 */
typedef void (*prt_model_observer)(void *context, uint32_t node, const void *data);
enum percept_status prt_model_run_observed(struct prt_model *model, prt_model_observer observer,
                                           void *context, struct percept_error *error);

#endif
