/* Texts that are made when they are needed and have to stay, as errors and reasons do that are told
 * as static text. */
#ifndef BASE_KEPT_TEXT_H
#define BASE_KEPT_TEXT_H

/* The same text, lasting; a few hundred different ones are kept, and beyond that (or for one of
 * more than 127 bytes) it is `otherwise`, which is static. Any thread. */
const char *base_kept_text(const char *text, const char *otherwise);

#endif
