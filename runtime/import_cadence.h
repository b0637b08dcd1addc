/* What the importers of Cadence's layers and of its windows share. */
#ifndef RUNTIME_IMPORT_CADENCE_H
#define RUNTIME_IMPORT_CADENCE_H

#include "runtime/import_aten.h"

/* Kinds of rows: where an image has its channels. */
enum { CHANNELS_FIRST, CHANNELS_LAST };

/* import_cadence_windows.c; their rows are in import_cadence_layers.c. */
enum percept_status prt_cadence_max_pool(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call);
enum percept_status prt_cadence_average_pool(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call);
enum percept_status prt_cadence_rows(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call);
enum percept_status prt_cadence_transposed_rows(struct prt_import *import,
                                                const struct prt_aten_op *op,
                                                struct prt_call *call);
/* import_cadence_reals.c, likewise. */
enum percept_status prt_cadence_linear_of_reals(struct prt_import *import,
                                                const struct prt_aten_op *op,
                                                struct prt_call *call);
enum percept_status prt_cadence_gru(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call);

#endif
