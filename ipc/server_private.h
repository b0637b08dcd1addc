/* What a control server consists of: for server.c, which serves, and server_stats.c, which counts.
 */
#ifndef IPC_SERVER_PRIVATE_H
#define IPC_SERVER_PRIVATE_H

#include "ipc/listener.h"
#include "ipc/server.h"
#include "ipc/session.h"

#include <stdbool.h>

struct client {
    struct ipc_server *server;
    struct client *next;
    uv_poll_t poll;
    int fd;
    uint64_t id;
    struct ipc_peer peer;
    struct ipc_session session;
    struct ipc_packet reply; /* one that the socket had no room for; size 0: none */
    bool last_words;         /* hang up once the reply is sent */
    bool answered;           /* what the session awaits is here, and goes once `reply` has: */
    char *answer;            /* JSON; NULL: */
    struct percept_error answer_error;
    bool waits; /* its user has asked too often */
};

struct ipc_server {
    struct ipc_listener listener;
    uv_poll_t accept;
    uv_timer_t pause;
    uv_timer_t turn; /* runs while clients wait */
    struct ipc_catalogue catalogue;
    struct ipc_account *accounts;
    unsigned max_clients, client_count;
    bool in_turn;        /* a packet is being handled */
    bool recheck_wanted; /* once it has been */
    uint64_t last_client;
    struct client *clients;
    unsigned handles; /* open ones, clients' included; the last to close frees the server */
};

#endif
