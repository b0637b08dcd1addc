/*
 * What every command of `percept` shares: exit codes, its command line, the way to the daemon.
 *
 * A command is one function with its own options in its own file and one row in a table (main.c,
 * model.c). Results go to standard output; what went wrong goes to standard error as one line.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/options.h"
#include "ipc/percept.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Part of the interface of percept(1). */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILURE = 1, /* the thing asked for did not work out: a test failed, a disk is full */
    CLI_USAGE = 2,
    CLI_INPUT = 3,     /* a file that was given is missing or wrong */
    CLI_NO_DAEMON = 4, /* nobody answers on the socket, or no longer */
};

struct cli_command {
    const char *name;
    const char *purpose; /* one line */
    int (*run)(int argc, char **argv);
};

/* argv[1] names a command of the list; runs it with the rest. program: "percept", "percept model".
 */
int cli_dispatch(const char *program, const char *purpose, const struct cli_command *commands,
                 size_t count, int argc, char **argv);

/* The options that every command which talks to the daemon or has a --json form repeats. */
#define CLI_OPTION_SOCKET(target)                                                           \
    {                                                                                       \
        "socket", "PATH", "the daemon's socket; instead of $PERCEPT_SOCKET or the default", \
            BASE_OPTION_TEXT, target                                                        \
    }
#define CLI_OPTION_WAIT(target)                                                                  \
    {                                                                                            \
        "wait", "SECONDS", "wait so long for the daemon to come up", BASE_OPTION_SECONDS, target \
    }
#define CLI_OPTION_JSON(target)                              \
    {                                                        \
        "json", NULL, "print JSON", BASE_OPTION_FLAG, target \
    }

/* Parse. False: the command is over, with *code (--help was asked for, or the line is wrong). */
bool cli_parse(const struct base_usage *usage, int argc, char **argv, int *operands, int *code);

/* Say what is wrong with the command line, and where to read on; returns CLI_USAGE. */
int cli_misuse(const struct base_usage *usage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Say what went wrong; returns code. */
int cli_fail(enum cli_exit code, const struct percept_error *error);

/* Connect or say why not. */
enum cli_exit cli_connect(const char *socket, struct percept_client **client);
/* The same, with as many seconds for the daemon to come up; Ctrl-C ends the wait. */
enum cli_exit cli_connect_within(const char *socket, double seconds,
                                 struct percept_client **client);
/* For percept_on_connection: say so. */
void cli_tell_connection(void *context, int connected);
/* Ask a connected daemon; *answer is the caller's. */
enum percept_status cli_query(struct percept_client *client, const char *what, json_t **answer,
                              struct percept_error *error);
/* Connect, ask, disconnect; or say why not. */
enum cli_exit cli_ask(const char *socket, const char *what, json_t **answer);

/* A JSON string of text from a file that may be hostile: control characters, and all but ASCII when
 * it is no UTF-8, become '?'. */
json_t *cli_json_text(const char *text);

/* Print such text; control characters become '?'. */
void cli_print_text(const char *text, FILE *file);

/* One JSON value and a newline on standard output. Takes the reference. */
void cli_print_json(json_t *value, bool compact);

/* commands */
int cli_status(int argc, char **argv);
int cli_topics(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_echo(int argc, char **argv);
int cli_push(int argc, char **argv);
int cli_read(int argc, char **argv);
int cli_record(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_transcript(int argc, char **argv);
int cli_grant(int argc, char **argv);
int cli_revoke(int argc, char **argv);
int cli_grants(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_backends(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_privacy(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_simulate(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_model(int argc, char **argv);
int cli_model_list(int argc, char **argv);
int cli_model_inspect(int argc, char **argv);
int cli_model_run(int argc, char **argv);
int cli_model_bench(int argc, char **argv);
int cli_model_sign(int argc, char **argv);
int cli_model_keys(int argc, char **argv);
int cli_model_verify(int argc, char **argv);
int cli_model_tokenize(int argc, char **argv);
int cli_model_generate(int argc, char **argv);
int cli_model_translate(int argc, char **argv);

#endif
