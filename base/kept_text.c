/* Why: see kept_text.h. The table is bounded, for some of the texts come from outside. */
#include "base/kept_text.h"

#include <pthread.h>
#include <string.h>

enum { TEXTS = 256, TEXT_BYTES = 128 };

const char *base_kept_text(const char *text, const char *otherwise)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char texts[TEXTS][TEXT_BYTES];
    size_t bytes = strlen(text) + 1;
    if (bytes == 1 || bytes > TEXT_BYTES)
        return otherwise;
    pthread_mutex_lock(&lock);
    unsigned i = 0;
    while (i < TEXTS && texts[i][0] && strcmp(texts[i], text) != 0)
        i++;
    if (i < TEXTS)
        memcpy(texts[i], text, bytes);
    pthread_mutex_unlock(&lock);
    return i < TEXTS ? texts[i] : otherwise;
}
