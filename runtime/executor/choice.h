/*
 * The numbers and sizes that a variant was made for: one choice an input of its graph. Private to
 * the executor.
 */
#ifndef RUNTIME_EXECUTOR_CHOICE_H
#define RUNTIME_EXECUTOR_CHOICE_H

#include "runtime/program.h"

/* The number at a place of one of the graph's two lists; NONE when it is a tensor or there is none.
 */
struct prt_scalar prt_choice_scalar(const struct prt_graph *graph, const uint32_t *ids,
                                    size_t count, size_t index);

/* What an imported graph was made with, malloc'ed; NULL when there is no memory. */
struct prt_choice *prt_choices_of(const struct prt_graph *graph);
/* The same into zeroed ones, as many as the graph has inputs. */
void prt_choices_fill(const struct prt_graph *graph, struct prt_choice *choices);
bool prt_choices_same(const struct prt_choice *a, const struct prt_choice *b, size_t count);

/* Is it one that the input can take? What sizes it can take, the import says. */
enum percept_status prt_choice_check(const struct prt_graph *graph, size_t index,
                                     const struct prt_choice *choice, struct percept_error *error);
/* What `from` chooses for an input of `rank` dimensions becomes part of `to`. */
void prt_choice_apply(struct prt_choice *to, const struct prt_choice *from, unsigned rank);

#endif
