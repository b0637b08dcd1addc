/* For the files with attacks: how their processes are made and ended. */
#ifndef TESTS_SOAK_IPC_ATTACKS_H
#define TESTS_SOAK_IPC_ATTACKS_H

#include "ipc_soak.h"

#include <stdio.h>
#include <unistd.h>

/*
 * A child, at the lowest priority: what is compared is what the daemon does to the bystander, not
 * what a full machine does. It dies with us. 0 in the child.
 */
pid_t attacker(void);
/* Wait for one that ends by itself; a failure unless it says that all was as it should be. */
void attacker_join(struct soak *soak, pid_t pid);
void attacker_kill(pid_t pid);

/* In an attacker: what must hold. */
#define MUST(condition)                                                             \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                               \
        }                                                                           \
    } while (0)

/* ---- ipc_attacks.c: what clients do ---- */
void kill_clients(struct soak *soak, long count);
void flood_idle(struct soak *soak, long count);
void poke_descriptors(struct soak *soak, long count);
void never_release(struct soak *soak, long count);
void lie(struct soak *soak, long count);

/* ---- ipc_messages.c ---- */
void mutate_messages(struct soak *soak, long count);
void babble_within_quotas(struct soak *soak, long count);

/* ---- ipc_push.c: what clients that push sound do ---- */
void kill_pushers(struct soak *soak, long count);
void push_nonsense(struct soak *soak, long count);
/* Grant it to us, or revoke that. */
void soak_permit_pushing(struct soak *soak, bool there);

/* ---- ipc_limits.c: what happens to processes ---- */
void run_out_of_descriptors(struct soak *soak, long count);
void run_out_of_files(struct soak *soak, long count);
void run_out_of_memory(struct soak *soak, long count);
void jump_clocks(struct soak *soak, long count);
void stop_client(struct soak *soak, long count);
void stop_daemon(struct soak *soak, long count);
void kill_daemon(struct soak *soak, long count);

#endif
