/*
 * Delegates whose payloads only their own processor can run: what each is, and what runs it. The
 * others (XnnpackBackend, VulkanBackend, TOSABackend) are translated; see import.c.
 */
#ifndef RUNTIME_DELEGATES_H
#define RUNTIME_DELEGATES_H

#include "base/status.h"
#include "runtime/graph_attrs.h"

/* UNSUPPORTED: no backend of a model's list runs the delegate. Says which would. */
enum percept_status prt_delegate_unplaced(const struct prt_blob_attrs *blob,
                                          struct percept_error *error);

#endif
