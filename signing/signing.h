/*
 * Files that a deployment may load: those that somebody signed whom it trusts.
 *
 * Trust is a folder: public keys, NAME.pub each, and a file `revoked`, whose lines are the numbers
 * of keys and the hashes of files that count no longer ('#' begins a comment). The signature of a
 * file lies beside it, FILE.minisig. Formats: minisign.h.
 *
 * Folder and key files must belong to root or the process' user, and nobody else may write there:
 * who can add a key is trusted. Thread-safe once opened.
 */
#ifndef SIGNING_SIGNING_H
#define SIGNING_SIGNING_H

#include "signing/minisign.h"

#define SIGNING_SUFFIX  ".minisig"
#define SIGNING_REVOKED "revoked" /* in the folder of keys */

enum { SIGNING_MAX_KEYS = 256, SIGNING_MAX_REVOKED = 4096 };

struct signing_keys;

/* The keys of a folder. NOT_FOUND when it has none, PERMISSION when others may write to it,
 * MALFORMED for a file that is no key or a line that revokes nothing. */
enum percept_status signing_keys_open(const char *folder, struct signing_keys **keys,
                                      struct percept_error *error);
/* Look into the folder again; they are as they were when that fails. Not while another thread uses
 * them. */
enum percept_status signing_keys_reload(struct signing_keys *keys, struct percept_error *error);
void signing_keys_close(struct signing_keys *keys); /* NULL is fine */

/* For lists. A key that is revoked stays in the list. */
struct signing_key {
    char name[128]; /* "release" of release.pub */
    struct signing_public public;
    bool revoked;
};
size_t signing_keys_count(const struct signing_keys *keys);
const struct signing_key *signing_keys_at(const struct signing_keys *keys, size_t index);

/*
 * The bytes of a file that was signed by one of the keys: a memfd, sealed, so that what was checked
 * is what will be read. It takes memory as the file is large. *descriptor is the caller's;
 * *by, if not NULL, is the key.
 *
 * PERMISSION says of the file by name that it is unsigned, altered, by somebody unknown, of another
 * name, or revoked.
 */
enum percept_status signing_open(const struct signing_keys *keys, const char *path, int *descriptor,
                                 const struct signing_key **by, struct percept_error *error);

/* The same for what is to be read in more than one place, with its hash; keys NULL: it need not be
 * signed. */
enum percept_status signing_copy(const struct signing_keys *keys, const char *path, int *descriptor,
                                 uint8_t hash[SIGNING_HASH_BYTES], struct percept_error *error);

/* All of a file of at most `most` bytes, malloc'ed; with keys, one of them must have signed it.
 * LIMIT, as base_file_read. */
enum percept_status signing_read_file(const struct signing_keys *keys, const char *path,
                                      size_t most, void **bytes, size_t *size,
                                      struct percept_error *error);

/* The hash of what is in a file. */
enum percept_status signing_hash_file(const char *path, uint8_t hash[SIGNING_HASH_BYTES],
                                      struct percept_error *error);
#define SIGNING_HASH_TEXT (2 * SIGNING_HASH_BYTES + 1)
void signing_hash_text(const uint8_t hash[SIGNING_HASH_BYTES], char text[SIGNING_HASH_TEXT]);

/* All of a small file, such as a key: malloc'ed, NUL-terminated; LIMIT above SIGNING_MAX_TEXT. */
enum percept_status signing_read_text(const char *path, char **text, size_t *size,
                                      struct percept_error *error);

#endif
