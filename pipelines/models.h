/* The configured models of an engine: programs, instances, accounts. Private to pipelines. */
#ifndef PIPELINES_MODELS_H
#define PIPELINES_MODELS_H

#include "pipelines/config.h"
#include "pipelines/model.h"

#include <stdatomic.h>

struct pipe_models;

/* Opens every model's file and resolves its backends among those of the host; what is the same in
 * `before` (NULL: nothing is) stays as it is there. give_up (NULL: nobody will): as in
 * pipe_engine_prepare. */
enum percept_status pipe_models_create(struct pipe_config *config, const struct pipe_host *host,
                                       const struct pipe_models *before, const atomic_bool *give_up,
                                       struct pipe_models **models, struct percept_error *error);
/* CANCELLED when that is set; NULL: never. */
enum percept_status pipe_models_asked(const atomic_bool *give_up, struct percept_error *error);
/* Their instances go on. NULL is fine. */
void pipe_models_destroy(struct pipe_models *models);

/* For whom an instance is. Must outlive it. */
struct pipe_model_user {
    enum pipe_priority priority;
    int64_t model_ns;        /* grows by the time that its models take, */
    int64_t away_ns;         /* without what this grows by meanwhile: while others compute */
    int64_t once_ns;         /* grows by what they compute that no later frame will have to */
    struct prt_yield *yield; /* asked between steps; or NULL */
    struct prt_arena *arena; /* for the tensors of all its models, which never run at once */
};

/* A new instance of a configured model: of one of its methods; NULL: "forward". */
enum percept_status pipe_models_open(struct pipe_models *models, const char *name,
                                     const char *method, struct pipe_model_user *user,
                                     struct pipe_model **model, struct percept_error *error);
void pipe_model_destroy(struct pipe_model *model); /* NULL is fine */

/* Add the backends that run it now to "vulkan+cpu". Any thread. */
void pipe_model_add_processor(const struct pipe_model *model, char processor[64]);

/* Any thread. */
size_t pipe_models_stats(const struct pipe_models *models, struct pipe_model_stats *stats,
                         size_t capacity);

#endif
