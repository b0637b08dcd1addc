/*
 * What placing a model by cost found out: whole models that ran on different lists of backends, and
 * what their pieces cost. prt_model_placed (prt.h) tells it.
 *
 * Plain data without pointers, as it is kept in the cache: the graphs of trials that lost are gone
 * when somebody looks, so what is to be said of them is here.
 */
#ifndef RUNTIME_PLACEMENT_H
#define RUNTIME_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PRT_MAX_BACKENDS = 8, /* in a list */
    PRT_MAX_TRIALS = 2 * PRT_MAX_BACKENDS + 2,
    PRT_MAX_PIECES = 64, /* of all trials */
};

/* A whole model that ran, or the reason why it did not. */
struct prt_trial {
    uint8_t list[PRT_MAX_BACKENDS]; /* indices into the names, most preferred first */
    uint8_t list_count;
    bool is_mixed; /* pieces that the first could run are on others of the list */
    uint32_t segments;
    int64_t ns;        /* median of a run; 0: none */
    int64_t beside_ns; /* of it: what is not in nodes (submissions, copies, waits); -1: unknown */
    char why[112];     /* why there is no time; "": there was none left to measure it */
};

/* Nodes that stay together, of the graph that the list of a trial makes. */
struct prt_piece {
    uint8_t trial;                         /* the first of that list */
    uint8_t home;                          /* where the costs want it, an index into the names */
    uint32_t first, last;                  /* nodes */
    int64_t ns[PRT_MAX_BACKENDS];          /* by name; 0: it cannot, or is not in the list */
    int64_t crossing_ns[PRT_MAX_BACKENDS]; /* what a segment there costs beside its nodes */
    char ops[64];                          /* "53 conv2d, 2 linear" */
};

struct prt_placement {
    char names[PRT_MAX_BACKENDS][16]; /* of the options' backends, in their order */
    uint32_t name_count;
    uint32_t trial_count, piece_count;
    uint32_t pieces_left_out; /* for which there was no room */
    uint32_t chosen;          /* trial */
    bool is_kept;             /* all of it comes from the cache */
    int64_t spent_ns;         /* on measuring, by all that had a part in it */
    struct prt_trial trials[PRT_MAX_TRIALS];
    struct prt_piece pieces[PRT_MAX_PIECES];
    uint32_t node_count; /* of the chosen graph when it is mixed, else 0 */
    uint8_t homes[];     /* by node: index into the chosen trial's list */
};

#endif
