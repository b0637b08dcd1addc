/*
 * Keys and signatures in minisign's formats: ed25519 over the BLAKE2b-512 hash of a file. Who has
 * that program can make keys, sign and verify with it. Source: the formats' description at
 * https://jedisct1.github.io/minisign/ ("Signature format", "Public key format", "Secret key
 * format").
 *
 * Texts in and out; nothing here opens a file. Errors have no file. Thread-safe.
 */
#ifndef SIGNING_MINISIGN_H
#define SIGNING_MINISIGN_H

#include "base/status.h"

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIGNING_HASH_BYTES = 64,
    SIGNING_MAX_TEXT = 4096, /* of a key or signature; longer ones are none */
    SIGNING_MAX_COMMENT = 1024,
};

/* A key's number: what tells which key made a signature. It proves nothing. */
struct signing_id {
    uint8_t bytes[8];
};

struct signing_public {
    struct signing_id id;
    uint8_t key[crypto_sign_PUBLICKEYBYTES];
};

struct signing_secret {
    struct signing_id id;
    uint8_t key[crypto_sign_SECRETKEYBYTES];
};

struct signing_signature {
    struct signing_id id;
    uint8_t of_hash[crypto_sign_BYTES];
    uint8_t of_comment[crypto_sign_BYTES]; /* and of of_hash */
    char comment[SIGNING_MAX_COMMENT];     /* "timestamp:1700000000\tfile:hand.pte\thashed" */
};

/* "E7620F1842B4E81F", as minisign writes it. */
#define SIGNING_ID_TEXT 17
void signing_id_text(const struct signing_id *id, char text[SIGNING_ID_TEXT]);

/* MALFORMED when it is none. */
enum percept_status signing_public_parse(const char *text, size_t size,
                                         struct signing_public *public,
                                         struct percept_error *error);
enum percept_status signing_signature_parse(const char *text, size_t size,
                                            struct signing_signature *signature,
                                            struct percept_error *error);

/* password: NULL when there is none to give. PERMISSION when it needs one, or another. Opening one
 * with a password takes seconds, and up to 1 GiB of memory. Wipe the key with sodium_memzero. */
enum percept_status signing_secret_parse(const char *text, size_t size, const char *password,
                                         struct signing_secret *secret,
                                         struct percept_error *error);

/* Is it by that key, of a file of that hash and that name? PERMISSION says what is not so. Once
 * it is, the signature's comment is what the signer said. */
enum percept_status signing_signature_check(const struct signing_signature *signature,
                                            const struct signing_public *public,
                                            const uint8_t hash[SIGNING_HASH_BYTES],
                                            const char *name, struct percept_error *error);

/* Texts as the parsers above and minisign take them, into text; NUL-terminated. */
enum percept_status signing_make_keys(const char *password, char public[SIGNING_MAX_TEXT],
                                      char secret[SIGNING_MAX_TEXT], struct percept_error *error);
/* name: of the file, without folders. time: seconds since 1970, for people. */
enum percept_status signing_sign(const struct signing_secret *secret,
                                 const uint8_t hash[SIGNING_HASH_BYTES], const char *name,
                                 int64_t time, char text[SIGNING_MAX_TEXT],
                                 struct percept_error *error);

#endif
