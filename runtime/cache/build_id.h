/* Which build of the code this is. */
#ifndef RUNTIME_CACHE_BUILD_ID_H
#define RUNTIME_CACHE_BUILD_ID_H

#include "base/hash.h"

#include <stdbool.h>

/* Add the linker's build id of the program or library that has this code; false when there is none.
 */
bool prt_build_id_add(struct base_hash *hash);

#endif
