#include "snapshot_model.h"

#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

struct model model_new(void)
{
	struct model model = {calloc(KEYS_MAX, sizeof(struct state_entry)), 0};
	assert_non_null(model.entries);
	return model;
}

struct model model_copy(const struct model *from)
{
	struct model model = model_new();
	memcpy(model.entries, from->entries, from->count * sizeof *from->entries);
	model.count = from->count;
	return model;
}

int64_t *model_find(struct model *model, struct state_key at)
{
	for (size_t i = 0; i < model->count; i++)
		if (key_compare(model->entries[i].at, at) == 0)
			return &model->entries[i].event;
	return NULL;
}

void model_set(struct model *model, struct state_key at, int64_t event)
{
	int64_t *place = model_find(model, at);
	if (place) {
		*place = event;
		return;
	}
	assert_true(model->count < KEYS_MAX);
	model->entries[model->count++] = (struct state_entry){at, event};
}

void model_remove(struct model *model, struct state_key at)
{
	for (size_t i = 0; i < model->count; i++)
		if (key_compare(model->entries[i].at, at) == 0)
			model->entries[i--] = model->entries[--model->count];
}

static int entry_order(const void *a, const void *b)
{
	return key_compare(
	    ((const struct state_entry *)a)->at, ((const struct state_entry *)b)->at);
}

enum rc model_collect(void *self, const struct state_entry *entry)
{
	struct model *model = self;
	assert_true(model->count < KEYS_MAX);
	model->entries[model->count++] = *entry;
	return RC_OK;
}

void assert_holds(struct txn_ro *txn, int64_t snapshot, struct model *model)
{
	struct model found = model_new();
	assert_int_equal(snapshot_each(txn, snapshot, 0, model_collect, &found), RC_OK);
	assert_int_equal(found.count, model->count);
	for (size_t i = 0; i < found.count; i++)
		for (size_t j = i + 1; j < found.count && j < i + 40; j++)
			if (found.entries[j].at.type == found.entries[i].at.type)
				assert_int_equal(
				    found.entries[j - 1].at.type, found.entries[i].at.type);
	qsort(found.entries, found.count, sizeof *found.entries, entry_order);
	qsort(model->entries, model->count, sizeof *model->entries, entry_order);
	for (size_t i = 0; i < found.count; i++) {
		int64_t event = 0;
		assert_memory_equal(&found.entries[i], &model->entries[i], sizeof *found.entries);
		assert_int_equal(snapshot_get(txn, snapshot, found.entries[i].at, &event), RC_OK);
		assert_int_equal(event, found.entries[i].event);
	}
	free(found.entries);
}

enum rc diff_collect(
    void *self, const struct state_entry *before, const struct state_entry *after)
{
	struct found_diff *diff = self;
	assert_int_equal(key_compare(before->at, after->at), 0);
	assert_true(before->event != after->event);
	assert_null(model_find(&diff->before, before->at)); /* once only */
	assert_int_equal(model_collect(&diff->before, before), RC_OK);
	return model_collect(&diff->after, after);
}

void assert_diff(
    struct txn_ro *txn, int64_t a, int64_t b, struct model *before, struct model *after)
{
	struct found_diff diff = {model_new(), model_new()};
	assert_int_equal(snapshot_diff(txn, a, b, diff_collect, &diff), RC_OK);
	size_t expected = 0;
	for (size_t i = 0; i < before->count; i++) {
		const int64_t *now = model_find(after, before->entries[i].at);
		if (now && *now == before->entries[i].event)
			continue;
		expected++;
		assert_int_equal(
		    *model_find(&diff.before, before->entries[i].at), before->entries[i].event);
		assert_int_equal(*model_find(&diff.after, before->entries[i].at), now ? *now : 0);
	}
	for (size_t i = 0; i < after->count; i++) {
		if (model_find(before, after->entries[i].at))
			continue;
		expected++;
		assert_int_equal(*model_find(&diff.before, after->entries[i].at), 0);
		assert_int_equal(
		    *model_find(&diff.after, after->entries[i].at), after->entries[i].event);
	}
	assert_int_equal(diff.before.count, expected);
	free(diff.before.entries);
	free(diff.after.entries);
}

/* Work inside one write transaction that is always rolled back. */
struct work {
	void (*run)(struct fixture *f, struct txn_rw *txn);
	struct fixture *fixture;
};

static enum rc work_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct work *work = arg;
	work->run(work->fixture, txn);
	return RC_OK;
}

void in_transaction(void **state, void (*run)(struct fixture *f, struct txn_rw *txn))
{
	struct work work = {run, *state};
	assert_int_equal(store_write(work.fixture->store, work_write, &work, NULL), RC_OK);
}

struct state_key random_key(struct fixture *f, int64_t types, int64_t keys)
{
	return (struct state_key){1 + (int64_t)rng_below(&f->rng, (uint64_t)types),
	    1 + (int64_t)rng_below(&f->rng, (uint64_t)keys)};
}
