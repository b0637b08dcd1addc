/* Chains of structs, as apps hand them over: they may be long, go round, or hold what nobody knows.
 */
#ifndef OPENXR_CHAIN_H
#define OPENXR_CHAIN_H

#include "openxr/openxr_declarations.h"

#include <stdbool.h>

/* The first struct of the type in a chain; NULL when there is none, or when the feature that it
 * belongs to is not enabled. */
void *chain_find(const void *chain, XrStructureType type, bool enabled);

/*
 * Structs of extensions that were kept from the runtime are kept from it, too: they leave their
 * chain while the call is under way. The chain is the call's to change, as it is one of outputs.
 */
struct chain_gap {
    XrBaseOutStructure *before, *taken; /* taken NULL: none was there */
};

/* head itself is not taken; enabled false: nothing is. */
struct chain_gap chain_take_out(void *head, XrStructureType type, bool enabled);
/* Of several gaps, the last one first. */
void chain_put_back(const struct chain_gap *gap);

#endif
