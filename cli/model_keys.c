/* percept model keys: whose signatures count, and what became of them. */
#include "base/io.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/password.h"
#include "cli/table.h"
#include "signing/signing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- new ---- */

/* Never over another: a secret key that is gone is gone. */
static enum percept_status write_new(const char *path, const char *text, mode_t mode,
                                     struct percept_error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0)
        return percept_fail_at(error, percept_status_from_errno(errno), path, 0, 0, "%s",
                               strerror(errno));
    size_t size = strlen(text);
    bool whole = base_write_all(file, text, size) && fsync(file) == 0;
    int reason = errno;
    close(file);
    if (whole)
        return PERCEPT_OK;
    unlink(path);
    return percept_fail_at(error, percept_status_from_errno(reason), path, 0, 0, "%s",
                           strerror(reason));
}

static enum percept_status ask_password(char password[CLI_PASSWORD_MAX],
                                        struct percept_error *error)
{
    char again[CLI_PASSWORD_MAX];
    enum percept_status status = cli_password("Password of the new key", password, error);
    if (status == PERCEPT_OK && isatty(STDIN_FILENO)) {
        status = cli_password("The same again", again, error);
        if (status == PERCEPT_OK && strcmp(password, again) != 0)
            status = percept_fail(error, PERCEPT_INVALID, "the two are not the same");
        sodium_memzero(again, sizeof again);
    }
    if (status == PERCEPT_OK && !password[0])
        status = percept_fail(error, PERCEPT_INVALID,
                              "an empty password; --no-password makes a key without one");
    return status;
}

static enum percept_status make_keys(const char *name, bool open, struct percept_error *error)
{
    char password[CLI_PASSWORD_MAX], public[SIGNING_MAX_TEXT], secret[SIGNING_MAX_TEXT];
    char path[2][PATH_MAX];
    if (snprintf(path[0], PATH_MAX, "%s.key", name) >= PATH_MAX ||
        snprintf(path[1], PATH_MAX, "%s.pub", name) >= PATH_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "the path is too long");
    enum percept_status status = open ? PERCEPT_OK : ask_password(password, error);
    if (status == PERCEPT_OK)
        status = signing_make_keys(open ? NULL : password, public, secret, error);
    if (status == PERCEPT_OK)
        status = write_new(path[0], secret, 0600, error);
    if (status == PERCEPT_OK) {
        status = write_new(path[1], public, 0644, error);
        if (status != PERCEPT_OK)
            unlink(path[0]);
    }
    sodium_memzero(password, sizeof password);
    sodium_memzero(secret, sizeof secret);
    if (status == PERCEPT_OK)
        printf("%s: keep it, and keep it secret\n%s: for the --keys folder of a daemon\n", path[0],
               path[1]);
    return status;
}

static int new_keys(int argc, char **argv)
{
    bool open = false;
    int operands, code;
    const struct base_option options[] = {
        {"no-password", NULL, "who has the secret key's file can sign", BASE_OPTION_FLAG, &open},
    };
    const struct base_usage usage = {
        .program = "percept model keys new",
        .operands = "NAME",
        .purpose = "Make a pair of keys: NAME.key signs, NAME.pub is for those who check.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    return make_keys(argv[1], open, &error) ? cli_fail(CLI_FAILURE, &error) : CLI_OK;
}

/* ---- list ---- */

static int list_keys(int argc, char **argv)
{
    static const struct cli_column columns[] = {
        {"KEY", "key", CLI_FORMAT_TEXT},
        {"NAME", "name", CLI_FORMAT_TEXT},
        {"REVOKED", "revoked", CLI_FORMAT_FLAG},
    };
    bool json = false;
    int operands, code;
    const struct base_option options[] = {CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept model keys list",
        .operands = "FOLDER",
        .purpose = "List the keys whose signatures count.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    struct signing_keys *keys;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (signing_keys_open(argv[1], &keys, &error))
        return cli_fail(CLI_INPUT, &error);
    json_t *rows = json_array();
    for (size_t i = 0; i < signing_keys_count(keys); i++) {
        const struct signing_key *key = signing_keys_at(keys, i);
        char id[SIGNING_ID_TEXT];
        signing_id_text(&key->public.id, id);
        json_array_append_new(rows, json_pack("{s:s, s:o, s:b}", "key", id, "name",
                                              cli_json_text(key->name), "revoked", key->revoked));
    }
    signing_keys_close(keys);
    if (json) {
        cli_print_json(rows, false);
        return CLI_OK;
    }
    cli_table_of_json(rows, columns, sizeof columns / sizeof columns[0], "\n", stdout);
    json_decref(rows);
    return CLI_OK;
}

/* ---- check ---- */

static int check_files(int argc, char **argv)
{
    int operands, code;
    const struct base_usage usage = {
        .program = "percept model keys check",
        .operands = "FOLDER FILE...",
        .purpose = "Say which of the keys in a folder signed a file; exit with 3 if none did.",
        .least = 2,
        .most = INT_MAX,
    };
    struct percept_error error = {0};
    struct signing_keys *keys;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (signing_keys_open(argv[1], &keys, &error))
        return cli_fail(CLI_INPUT, &error);
    enum cli_exit result = CLI_OK;
    for (int i = 2; i <= operands; i++) {
        const struct signing_key *by;
        char id[SIGNING_ID_TEXT];
        int file;
        if (signing_open(keys, argv[i], &file, &by, &error)) {
            result = (enum cli_exit)cli_fail(CLI_INPUT, &error);
            continue;
        }
        close(file);
        signing_id_text(&by->public.id, id);
        printf("%s: OK: signed with the key %s, '%s'\n", argv[i], id, by->name);
    }
    signing_keys_close(keys);
    return result;
}

/* ---- revoke ---- */

/* What stands for it in the file: the number of a key, or the hash of a file that is there. */
static enum percept_status revoked_line(const char *what, char line[SIGNING_HASH_TEXT],
                                        struct percept_error *error)
{
    uint8_t hash[SIGNING_HASH_BYTES];
    size_t length = strlen(what);
    bool is_number = length == SIGNING_ID_TEXT - 1 || length == SIGNING_HASH_TEXT - 1;
    if (is_number && strspn(what, "0123456789abcdefABCDEF") == length) {
        strcpy(line, what);
        return PERCEPT_OK;
    }
    enum percept_status status = signing_hash_file(what, hash, error);
    if (status == PERCEPT_OK)
        signing_hash_text(hash, line);
    return status;
}

static enum percept_status append(const char *folder, const char *line, const char *what,
                                  struct percept_error *error)
{
    char path[PATH_MAX];
    void *before = NULL;
    size_t size = 0;
    struct cli_file file;
    if (snprintf(path, sizeof path, "%s/" SIGNING_REVOKED, folder) >= (int)sizeof path)
        return percept_fail_at(error, PERCEPT_LIMIT, folder, 0, 0, "the path is too long");
    enum percept_status status =
        access(path, F_OK) == 0 ? cli_file_read(path, &before, &size, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = cli_file_create(path, &file, error);
    if (status == PERCEPT_OK) {
        if (size)
            fwrite(before, 1, size, file.stream);
        if (size && ((const char *)before)[size - 1] != '\n')
            fputc('\n', file.stream);
        fprintf(file.stream, "%s%s%s\n", line, strcmp(line, what) ? " # " : "",
                strcmp(line, what) ? what : "");
        status = cli_file_commit(&file, error);
    }
    free(before);
    return status;
}

static int revoke_all(int argc, char **argv)
{
    int operands, code;
    const struct base_usage usage = {
        .program = "percept model keys revoke",
        .operands = "FOLDER KEY|FILE...",
        .purpose = "Let keys, by their numbers, and what is in files now count no longer.",
        .least = 2,
        .most = INT_MAX,
    };
    struct percept_error error = {0};
    struct signing_keys *keys = NULL;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    umask(022); /* a file that others may write to would be refused */
    enum percept_status status = signing_keys_open(argv[1], &keys, &error);
    signing_keys_close(keys);
    for (int i = 2; status == PERCEPT_OK && i <= operands; i++) {
        char line[SIGNING_HASH_TEXT];
        status = revoked_line(argv[i], line, &error);
        if (status == PERCEPT_OK && strpbrk(argv[i], "\r\n"))
            status = percept_fail(&error, PERCEPT_INVALID, "such a file name cannot be noted");
        if (status == PERCEPT_OK)
            status = append(argv[1], line, argv[i], &error);
    }
    return status ? cli_fail(CLI_INPUT, &error) : CLI_OK;
}

int cli_model_keys(int argc, char **argv)
{
    static const struct cli_command commands[] = {
        {"new", "make a pair of keys", new_keys},
        {"list", "list the keys of a folder", list_keys},
        {"check", "check signatures", check_files},
        {"revoke", "let a key or a file count no longer", revoke_all},
    };
    return cli_dispatch("percept model keys", "Keys that sign what a daemon may load.", commands,
                        sizeof commands / sizeof commands[0], argc, argv);
}
