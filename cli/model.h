/* What the commands of `percept model` share: opening a file and getting it ready to run. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "base/options.h"
#include "cli/cli.h"
#include "cli/plugins.h"
#include "runtime/prt.h"

struct cli_model_settings {
    const char *method;              /* NULL: "forward" */
    const char *backend;             /* NULL: the CPU; "auto": the quickest */
    bool isolate;                    /* the backend in a process of its own */
    struct base_option_list plugins; /* folders in which it may be */
    unsigned long threads;
    struct base_option_list data; /* .ptd files */
    size_t tokens;     /* the last size of the first input, if that is dynamic; 0: the largest */
    const char *cache; /* folder for packed weights; NULL: none */
    bool observable;   /* without fusion, each node's result to be seen */
    bool half;         /* floats of 16 bits inside, where the backend has them */
    double tune;       /* seconds to find out what is quickest on the device */
};

#define CLI_OPTION_METHOD(settings)                                                    \
    {                                                                                  \
        "method", "NAME", "the method to use; forward if not given", BASE_OPTION_TEXT, \
            &(settings).method                                                         \
    }
/* Two options: the backend's name, and where it may be. */
#define CLI_OPTION_BACKEND(settings)                                                   \
    {"backend", "NAME",                                                                \
     "run on this backend, and on the CPU what it cannot; auto: where it is quickest", \
     BASE_OPTION_TEXT, &(settings).backend},                                           \
        {"isolate", NULL, "run the backend in a process of its own", BASE_OPTION_FLAG, \
         &(settings).isolate},                                                         \
        CLI_OPTION_PLUGINS(&(settings).plugins)
#define CLI_OPTION_FP16(settings)                                                               \
    {                                                                                           \
        "fp16", NULL, "floats of 16 bits inside, where the backend has them", BASE_OPTION_FLAG, \
            &(settings).half                                                                    \
    }
#define CLI_OPTION_THREADS(settings)                                                   \
    {                                                                                  \
        "threads", "N", "how many threads; one a CPU if not given", BASE_OPTION_COUNT, \
            &(settings).threads                                                        \
    }

#define CLI_OPTION_DATA(settings)                                                              \
    {                                                                                          \
        "data", "FILE", "a .ptd file with weights of the program; may be given several times", \
            BASE_OPTION_LIST, &(settings).data                                                 \
    }

#define CLI_OPTION_CACHE(settings)                                                    \
    {                                                                                 \
        "cache", "FOLDER", "keep packed weights there, and use those that are there", \
            BASE_OPTION_TEXT, &(settings).cache                                       \
    }

struct cli_model {
    struct prt_program *program;
    struct base_pool *pool;
    struct prt_model *model;
    const struct prt_backend *backends[PRT_MAX_BACKENDS + 1]; /* when one was chosen, or auto */
    int64_t measure_ns;                                       /* for auto */
};

/* Open, import and compile. On failure *model is empty. INVALID for a backend that is not there. */
enum percept_status cli_model_open(const char *path, const struct cli_model_settings *settings,
                                   struct cli_model *model, struct percept_error *error);
/* Set model->backends to the backend that the settings name and the CPU, which takes what it
 * leaves; for "auto" to all that are there, the CPU last; to none, for the default, when they name
 * none. */
enum percept_status cli_model_choose_backend(const struct cli_model_settings *settings,
                                             struct cli_model *model, struct percept_error *error);
void cli_model_close(struct cli_model *model);

/* The exit code for a failure of cli_model_open. */
enum cli_exit cli_model_exit(enum percept_status status);

/* The assignment for an input: what stands after "INDEX=" in the last that names it, or NULL. */
const char *cli_model_assigned(const struct base_option_list *inputs, size_t index);
/* Give inputs of dynamic shape the sizes that their assignments state: those of an .npy file, or
 * "random:1x3x48x200". */
enum percept_status cli_model_resize(struct prt_model *model, const struct base_option_list *inputs,
                                     struct percept_error *error);

/*
 * Resize, then fill every input: from the assignments "INDEX=FILE" (.npy or raw) or "INDEX=random";
 * those that are not named get random contents.
 */
enum percept_status cli_model_fill(struct prt_model *model, const struct base_option_list *inputs,
                                   struct percept_error *error);

/* Which backend runs what; of a wanted one (or NULL), what it leaves and why. As JSON and for
 * people. */
json_t *cli_model_split(const struct prt_model *model, const struct prt_backend *wanted);
void cli_model_print_split(const json_t *split);

/* What was measured to place the model, as JSON (NULL when nothing was) and for people. */
json_t *cli_model_costs(const struct prt_model *model);
void cli_model_print_costs(const json_t *costs);

/* Names of the backends that run the model's nodes, "cpu" or "cpu+vulkan", into buffer. */
char *cli_model_placement(const struct prt_model *model, char *buffer, size_t size);

#endif
