/* Why: the order of the passes in one table. */
#include "runtime/passes.h"

#include "runtime/yield.h"

static const struct {
    prt_pass *run;
    bool fuses; /* left out when the graph is to run as it was imported */
} passes[] = {
    {prt_pass_fold_floats, true}, /* quantised weights stay quantised for now */
    {prt_pass_simplify, true},
    {prt_pass_fold_floats, true},
    {prt_pass_recognise, true},
    {prt_pass_attention, true},
    {prt_pass_hoist, true},
    {prt_pass_simplify, true}, /* views that now meet */
    {prt_pass_dynamic, true},
    {prt_pass_fuse, true},
    {prt_pass_quantise, true},
    {prt_pass_fold, false},
    {prt_pass_hoist, true},
    {prt_pass_simplify, true}, /* again: quantising has moved padding next to convolutions */
    {prt_pass_fuse, true},
    {prt_pass_trim, true}, /* by now convolutions have all their padding */
    {prt_pass_tabulate, true},
    {prt_pass_layout, false},
    {prt_pass_expand, false},
    {prt_pass_fold_laid_out, false}, /* tables, and what the last two inserted */
};

enum percept_status prt_passes_run(struct prt_graph *graph,
                                   const struct prt_backend *const *backends, bool fuse,
                                   struct percept_error *error)
{
    for (unsigned i = 0; i < sizeof passes / sizeof *passes; i++) {
        enum percept_status status = PERCEPT_OK;
        if (fuse || !passes[i].fuses)
            status = passes[i].run(graph, backends, error);
        if (status != PERCEPT_OK)
            return status;
        prt_yield_plan();
    }
    return PERCEPT_OK;
}
