/*
 * A small room made of bytes, forked: for the fuzz target and for tests that want many rooms. The bytes choose
 * senders, types, contents, stamps, and what is wrong: links dropped, added, forged into cycles, missing; events rejected,
 * of another room, or in a state that the rules would have kept them from.
 */
#ifndef EXEUNT_TESTS_UNIT_GRAPH_DAG_BYTES_H
#define EXEUNT_TESTS_UNIT_GRAPH_DAG_BYTES_H

#include "graph/dag.h"

enum { DAG_FORKS_MAX = 4, DAG_STEPS_MAX = 96 };

/* `dag` is initialised here, by the first byte's version; two states at least. The caller releases it. */
void dag_from_bytes(struct dag *dag, struct arena *arena, const uint8_t *data, size_t size,
                    struct dag_state states[DAG_FORKS_MAX], size_t *ret_count);

#endif
