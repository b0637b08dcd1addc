/* Which build of the code this is. */
#ifndef BACKENDS_CPU_BUILD_ID_H
#define BACKENDS_CPU_BUILD_ID_H

#include "base/hash.h"

#include <stdbool.h>

/* Add the linker's build id of the program or library that has this code; false when there is none.
 */
bool cpu_build_id_add(struct base_hash *hash);

#endif
