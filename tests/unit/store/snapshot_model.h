/* What a snapshot must hold, as a plain array; and work inside one write transaction. */
#ifndef EXEUNT_TEST_SNAPSHOT_MODEL_H
#define EXEUNT_TEST_SNAPSHOT_MODEL_H

#include "store_fixture.h"

#include "store/node_int.h"

enum { KEYS_MAX = 12000 };

struct model {
	struct state_entry *entries;
	size_t count;
};

struct model model_new(void);
struct model model_copy(const struct model *from);
int64_t *model_find(struct model *model, struct state_key at); /* NULL: nothing stands there */
void model_set(struct model *model, struct state_key at, int64_t event);
void model_remove(struct model *model, struct state_key at);
enum rc model_collect(void *model, const struct state_entry *entry); /* a snapshot_fn */

/* Every entry is delivered once, all of one type together, and get() finds the same. Sorts the model. */
void assert_holds(struct txn_ro *txn, int64_t snapshot, struct model *model);

/* What a difference delivers: event 0 where a side has nothing. */
struct found_diff {
	struct model before, after;
};
enum rc diff_collect(
    void *found, const struct state_entry *before, const struct state_entry *after);
void assert_diff(
    struct txn_ro *txn, int64_t a, int64_t b, struct model *before, struct model *after);

/* `run` inside one write transaction. */
void in_transaction(void **state, void (*run)(struct fixture *f, struct txn_rw *txn));
/* The integer that a statement gives. */
struct state_key random_key(struct fixture *f, int64_t types, int64_t keys);

#endif
